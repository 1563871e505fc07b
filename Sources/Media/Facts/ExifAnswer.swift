import FoundationEssentials
import Ground

/// One object of exiftool's JSON: tags with numbers or text. The file behind it is a stranger's, and so is every value.
struct ExifAnswer: Sendable {
  /// Longest text that is kept, in characters.
  private static let textLimit = 200

  private enum Value: Decodable {
    case number(Double)
    case text(String)
    case other

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .other
      }
    }
  }

  private let values: [String: Value]

  /// Nil for what is not one object in an array.
  init?(json: [UInt8]) {
    guard let objects = try? JSONDecoder().decode([[String: Value]].self, from: Data(json)), objects.count == 1 else {
      return nil
    }
    values = objects[0]
  }

  /// Without what cannot be seen, and not too long; nil where nothing is left.
  func text(_ name: String) -> String? {
    let raw: String
    switch values[name] {
    case .text(let text): raw = text
    case .number(let number) where number.rounded() == number && abs(number) < 1e15: raw = String(Int64(number))
    case .number(let number): raw = String(number)
    case .other, nil: return nil
    }
    let visible = raw.unicodeScalars.filter { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
      default: scalar != "\u{FFFD}"
      }
    }
    let units = String(String.UnicodeScalarView(visible)).prefix(ExifAnswer.textLimit)
    let text = String(units.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    return text.isEmpty ? nil : text
  }

  func number(_ name: String) -> Double? {
    switch values[name] {
    case .number(let number): number.isFinite ? number : nil
    // Exiftool quotes what has leading zeros and the like.
    case .text(let text): Double(text).flatMap { $0.isFinite ? $0 : nil }
    case .other, nil: nil
    }
  }

  /// A number within `range`; nil for every other.
  func number(_ name: String, in range: ClosedRange<Double>) -> Double? {
    number(name).flatMap { range.contains($0) ? $0 : nil }
  }

  /// Seconds; Matroska's are written as `00:00:02.5`.
  func seconds(_ name: String, in range: ClosedRange<Double>) -> Double? {
    if let number = number(name, in: range) { return number }
    let parts = text(name)?.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) } ?? []
    guard parts.count == 3, let hours = parts[0], let minutes = parts[1], let rest = parts[2] else { return nil }
    let seconds = hours * 3600 + minutes * 60 + rest
    return range.contains(seconds) ? seconds : nil
  }

  /// A date such as `2022:08:14 14:12:31.25+03:00`, and whether it names its offset.
  func date(_ name: String, now: Instant) -> (time: WrittenTime, hasOffset: Bool)? {
    guard let text = text(name) else { return nil }
    var units = Array(text.utf8)
    guard units.count >= 19, units[4] == UInt8(ascii: ":"), units[7] == UInt8(ascii: ":"), units[10] == 0x20 else {
      return nil
    }
    (units[4], units[7], units[10]) = (UInt8(ascii: "-"), UInt8(ascii: "-"), UInt8(ascii: "T"))
    let hasOffset = units[19...].contains { [UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "Z")].contains($0) }
    guard let time = WrittenTime(String(decoding: units, as: UTF8.self)) else { return nil }
    // Before photography, at the zero of a clock, or more than a year ahead: a clock that was never set.
    guard time.wallClock.year >= 1826, time.instant.milliseconds != 0,
      time.instant.milliseconds < now.milliseconds + 366 * 86_400_000
    else { return nil }
    return (time, hasOffset)
  }
}
