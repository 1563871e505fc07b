/// Where a device can be reached, as it registered.
package enum PushAddress: Sendable, Equatable {
  case webPush(WebPushSubscription)
  /// - `token`: hexadecimal. - `isSandbox`: of an app that was built for development.
  case apns(token: String, isSandbox: Bool)
  case fcm(token: String)
}

/// What a device is told. Nothing of it says what lies on the server: push services read APNs' and FCM's messages.
package enum PushContent: Sendable, Equatable {
  /// Echo the token, so that it is known that messages arrive.
  case confirm(token: String)
  /// Silent: look whether there is something to bring. The device echoes the tickle's number.
  case sync(tickle: Int64)
  /// To be shown to a person: counts at the most, no names.
  case nudge(tickle: Int64, text: String)

  /// To be shown to a person by a browser; no app is behind it. `device` is the id of the one it is about.
  case alert(title: String, text: String, device: String?)

  var isVisible: Bool {
    switch self {
    case .confirm, .sync: false
    case .nudge, .alert: true
    }
  }
}

/// A message on its way.
package struct PushMessage: Sendable, Equatable {
  package let content: PushContent
  /// Seconds for which a push service may keep it.
  package let timeToLive: Int

  package init(_ content: PushContent, timeToLive: Int) { (self.content, self.timeToLive) = (content, timeToLive) }

  /// JSON, for the app.
  var json: [UInt8] {
    switch content {
    case .confirm(let token): PushJSON.object([("action", "confirm"), ("token", token)])
    case .sync(let tickle): PushJSON.object([("action", "sync"), ("tickle", String(tickle))])
    case .nudge(let tickle, let text):
      PushJSON.object([("action", "nudge"), ("tickle", String(tickle)), ("text", text)])
    case .alert(let title, let text, let device):
      PushJSON.object(
        [("action", "alert"), ("title", title), ("text", text)] + (device.map { [("device", $0)] } ?? []))
    }
  }
}

/// What became of one message.
package enum PushReply: Sendable, Equatable {
  /// The push service has it.
  case accepted
  /// The registration is dead: 404, 410, `UNREGISTERED`. APNs says since when, in milliseconds since 1970.
  case gone(since: Int64?)
  /// Not before so many seconds have passed. - `isOfHost`: for every device of that push service.
  case throttled(seconds: Int64, isOfHost: Bool)
  /// 507: nobody takes the distributor's messages at the moment.
  case offline
  /// The service's own trouble, or no way to it; a word for the log and the page: `503`, `cannot_connect`.
  case failed(String)
  /// No answer came: it may have arrived.
  case lost(String)
  /// Nothing left this server, by its own fault or rules.
  case unsent(String)
  /// The service, or our own rules, do not want this message.
  case refused(String)
}

extension PushReply {
  /// Seconds to wait where a service asks for patience without saying how much.
  static let patience: Int64 = 60
}
