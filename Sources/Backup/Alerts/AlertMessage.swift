import FoundationEssentials
import Ground

/// What a person is told of a device, and how each channel says it. ntfy's servers read along: they get no names.
struct AlertMessage: Sendable, Equatable {
  enum Urgency: String, Sendable { case red, amber, fine }

  /// `alert.number`; 0 for a try.
  let number: Int64
  let at: Instant
  let level: String
  let reason: String
  let urgency: Urgency
  let device: Identifier?
  let deviceName: String
  let person: String
  /// Told to an admin who is not the device's owner.
  let isForAdmin: Bool
  let sentence: String
  let steps: [String]
  /// Asks whether messages are wanted at all.
  var isConfirmation = false

  /// Without names.
  var title: String {
    if isConfirmation { return "Nightstand: confirm this address" }
    guard number > 0 else { return "Nightstand: this is a test" }
    switch urgency {
    case .red: return "Nightstand: photos are not being backed up"
    case .amber: return "Nightstand: a device needs a look"
    case .fine: return "Nightstand: all is well again"
    }
  }

  private var whose: String { isForAdmin ? "\(person): \(deviceName)" : deviceName }

  /// With names.
  var text: String {
    let steps = steps.isEmpty ? "" : "\n\nWhat helps:\n" + steps.map { "- \($0)" }.joined(separator: "\n")
    return number > 0 ? "\(whose): \(sentence)\(steps)" : sentence
  }

  // MARK: ntfy

  var ntfyPriority: String {
    switch urgency {
    case .red: "4"
    case .amber, .fine: "3"
    }
  }

  var ntfyTag: String {
    switch urgency {
    case .red: "rotating_light"
    case .amber: "warning"
    case .fine: "white_check_mark"
    }
  }

  // MARK: Webhook

  private struct Hook: Encodable {
    struct Place: Encodable {
      let id: Identifier?
      let name: String
    }
    struct Person: Encodable { let name: String }
    let event: String
    let id: String
    let at: String
    let level: String
    let reason: String
    let title: String
    let sentence: String
    let steps: [String]
    let audience: String
    let device: Place
    let person: Person
  }

  var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
      return Array(
        try encoder.encode(
          Hook(
            event: number > 0 ? "device.state" : "test", id: String(number), at: at.iso8601, level: level,
            reason: reason, title: title, sentence: sentence, steps: steps, audience: isForAdmin ? "admin" : "owner",
            device: Hook.Place(id: device, name: deviceName), person: Hook.Person(name: person))))
    }
  }

  // MARK: Mail

  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// RFC 5322's way to write a moment.
  static func date(_ moment: Instant) -> String {
    let time = CalendarTime(moment)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    let day = moment.milliseconds.floorDivided(by: 86_400_000)
    let weekday = days[Int((day % 7 + 7) % 7)]
    return "\(weekday), \(time.day) \(months[time.month - 1]) \(time.year) "
      + "\(two(time.hour)):\(two(time.minute)):\(two(time.second)) +0000"
  }

  /// The whole message. Nothing that a person wrote stands in a header; the text goes as base64 (RFC 2045), so that no line
  /// of it can end the message or begin a header.
  /// - Parameters:
  ///   - id: for the message's own name; the same for each try.
  ///   - link: to the page; nil where nobody knows where that is.
  func mail(from sender: String, to recipient: String, id: String, link: String?, now: Instant) -> [UInt8] {
    let domain = sender.split(separator: "@").last.map(String.init) ?? "localhost"
    let head = [
      "From: Nightstand <\(sender)>", "To: <\(recipient)>", "Subject: \(title)", "Date: \(AlertMessage.date(now))",
      "Message-ID: <\(id)@\(domain)>", "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
    ]
    let body = text + (link.map { "\n\n\($0)\n" } ?? "\n")
    let encoded = Array(Data(body.replacing("\n", with: "\r\n").utf8).base64EncodedString().utf8)
    var lines: [String] = []
    var start = 0
    while start < encoded.count {
      lines.append(String(decoding: encoded[start..<min(start + 76, encoded.count)], as: UTF8.self))
      start += 76
    }
    return Array((head + [""] + lines + [""]).joined(separator: "\r\n").utf8)
  }
}

extension AlertMessage {
  static func urgency(_ level: DeviceState.Level) -> Urgency {
    switch level {
    case .red: .red
    case .amber: .amber
    default: .fine
    }
  }

  /// - Parameter level: as a change keeps it.
  static func urgency(of level: String) -> Urgency { DeviceState.Level(rawValue: level).map(urgency) ?? .fine }

  init(_ device: Device, number: Int64, at: Instant, isForAdmin: Bool) {
    let state = device.state
    self.init(
      number: number, at: at, level: state.level.rawValue, reason: state.reason.rawValue,
      urgency: AlertMessage.urgency(state.level), device: device.record.device.id,
      deviceName: device.name, person: device.record.device.userName, isForAdmin: isForAdmin, sentence: state.sentence,
      steps: AlertRules.bad.contains(state.level) ? Array(device.steps.prefix(3)) : [])
  }

  static func test(_ user: User, now: Instant) -> AlertMessage {
    AlertMessage(
      number: 0, at: now, level: "green", reason: "ok", urgency: .fine, device: nil, deviceName: "", person: user.name,
      isForAdmin: false, sentence: "Messages of your photo backup arrive here.", steps: [])
  }

  /// The first mail to an address.
  static func confirmation(_ user: User, token: String, now: Instant) -> AlertMessage {
    AlertMessage(
      number: 0, at: now, level: "green", reason: "ok", urgency: .fine, device: nil, deviceName: "", person: user.name,
      isForAdmin: false,
      sentence: """
        Somebody asked Nightstand to send messages of a photo backup to this address. If it was you, enter this code there:

        \(token)

        It is good for a day. If it was not you, do nothing: nothing else is sent here.
        """, steps: [], isConfirmation: true)
  }
}
