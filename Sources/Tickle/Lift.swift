/// How often a contact followed a tickle, and how often it came where one was held back. Both are counted by the same rule:
/// a contact within the platform's window.
package struct Tally: Sendable, Equatable {
  package var sent: UInt16 = 0
  package var sentContacts: UInt16 = 0
  package var held: UInt16 = 0
  package var heldContacts: UInt16 = 0

  package init() {}

  package init(sent: Int, sentContacts: Int, held: Int, heldContacts: Int) {
    (self.sent, self.sentContacts) = (UInt16(clamping: sent), UInt16(clamping: sentContacts))
    (self.held, self.heldContacts) = (UInt16(clamping: held), UInt16(clamping: heldContacts))
  }

  package var trials: Int { Int(sent) + Int(held) }

  mutating func count(isHeld: Bool, isContact: Bool) {
    if trials >= Rules.trialsRemembered {
      (sent, sentContacts, held, heldContacts) = (sent / 2, sentContacts / 2, held / 2, heldContacts / 2)
    }
    if isHeld {
      held += 1
      heldContacts += isContact ? 1 : 0
    } else {
      sent += 1
      sentContacts += isContact ? 1 : 0
    }
  }

  /// Nil until there was one of each.
  package var lift: Lift? {
    guard sent > 0, held > 0 else { return nil }
    return Lift(
      (Int(sentContacts), Int(sent)), against: (Int(heldContacts), Int(held)))
  }
}

/// P(contact | tickle) − P(contact | held back), with its 95 % interval by Newcombe (1998, method 10): the square-and-add
/// combination of two Wilson score intervals, which holds for few trials and for rates near 0 and 1.
package struct Lift: Sendable, Equatable {
  package let value: Double
  package let low: Double
  package let high: Double

  package init(_ tickled: (hits: Int, of: Int), against held: (hits: Int, of: Int)) {
    let (p1, p2) = (Double(tickled.hits) / Double(tickled.of), Double(held.hits) / Double(held.of))
    let (l1, u1) = Lift.wilson(tickled.hits, tickled.of)
    let (l2, u2) = Lift.wilson(held.hits, held.of)
    value = p1 - p2
    low = value - ((p1 - l1) * (p1 - l1) + (u2 - p2) * (u2 - p2)).squareRoot()
    high = value + ((u1 - p1) * (u1 - p1) + (p2 - l2) * (p2 - l2)).squareRoot()
  }

  /// Whether chance alone may explain it.
  package var mayBeNothing: Bool { low <= 0 }

  /// Wilson's score interval of a rate, 95 %.
  static func wilson(_ hits: Int, _ of: Int) -> (low: Double, high: Double) {
    let (z, n) = (1.959963984540054, Double(of))
    let p = Double(hits) / n
    let centre = p + z * z / (2 * n)
    let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    let scale = 1 + z * z / n
    return (max(0, (centre - half) / scale), min(1, (centre + half) / scale))
  }
}
