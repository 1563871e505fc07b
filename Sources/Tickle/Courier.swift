import Ground

/// How a device can be reached.
package struct Reach: Sendable, Equatable {
  package enum Channel: String, Sendable, CaseIterable {
    /// An open event stream: no third party.
    case stream
    case webPush = "webpush"
    case apns, fcm
  }

  /// `device.number`.
  package let device: Int64
  package let channel: Channel
  /// Whose limits hold, such as `updates.push.services.mozilla.com`; empty for a stream.
  package let host: String
  /// For visible messages.
  package var quiet: QuietHours?
  /// Whether its app can show one.
  package var canShow = true

  package init(device: Int64, channel: Channel, host: String, quiet: QuietHours? = nil) {
    (self.device, self.channel, self.host, self.quiet) = (device, channel, host, quiet)
  }
}

/// What a courier brings.
package struct TickleMessage: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// Silent: look whether there is something to bring.
    case sync
    /// To be shown.
    case nudge(String)
  }
  /// The client echoes it: `X-Tickle-Id`, or `tickle` of a check-in.
  package let tickle: Int64
  /// `device.number`.
  package let device: Int64
  package let channel: Reach.Channel
  package let kind: Kind
  /// How long a push service may keep it.
  package let ttlSeconds: Int

  package init(tickle: Int64, device: Int64, channel: Reach.Channel, kind: Kind, ttlSeconds: Int) {
    (self.tickle, self.device, self.channel, self.kind, self.ttlSeconds) = (tickle, device, channel, kind, ttlSeconds)
  }

  /// Android's services downgrade an app whose urgent messages show nothing.
  package var isUrgent: Bool { kind != .sync }
}

/// What became of one send.
package enum Delivery: Sendable, Equatable {
  case accepted
  /// 429 or 503 with `Retry-After`: not before that moment. - `isOfHost`: it holds for all of the host's devices.
  case throttled(until: Instant, isOfHost: Bool)
  /// 507: nobody takes the distributor's messages.
  case offline
  /// It was not taken; the word is for the log and the page: `503`, `cannot_connect`.
  case failed(String)
  /// No answer came: it may be there all the same.
  case lost(String)
  /// Nothing left this server, by its own fault.
  case unsent(String)
  /// Refused, and not for a cause that passes; the host is well.
  case refused(String)
  /// 404, 410: the registration has ended.
  case gone
  /// There is no active registration any more.
  case unreachable

  /// For the record.
  package var word: String {
    switch self {
    case .accepted: "accepted"
    case .throttled: "throttled"
    case .offline: "distributor_offline"
    case .failed(let word), .lost(let word), .unsent(let word), .refused(let word): word
    case .gone: "gone"
    case .unreachable: "unreachable"
    }
  }
}

extension Delivery {
  /// Whether the device may get it: then it counts for its budget.
  package var mayHaveArrived: Bool {
    switch self {
    case .accepted, .lost: true
    default: false
    }
  }
}

/// Brings tickles through push services.
package protocol Courier: Sendable {
  /// Devices with an active registration, by their numbers: some of those behind `device`.
  /// - Returns: them, and where to go on; nil behind the last one.
  func reaches(after device: Int64, limit: Int) async throws -> (some: [Reach], next: Int64?)
  func send(_ message: TickleMessage) async -> Delivery
  /// Calls the listener whenever a registration becomes active (or changes), and with nil where one has ended.
  func listen(_ listener: @escaping @Sendable (_ device: Int64, Reach?) -> Void)
}
