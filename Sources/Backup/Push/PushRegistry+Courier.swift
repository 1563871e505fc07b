import Ground
import Push
import Store
import Tickle

/// Tickles go by an open event stream where the device holds one, else to where it registered.
extension PushRegistry: Courier {
  package func reaches(after device: Int64, limit: Int) async throws -> (some: [Reach], next: Int64?) {
    let rows = try await catalog.pushes(
      refreshedSince: now().adding(seconds: -PushLife.asleep), after: device, limit: limit)
    // Whoever holds a stream open has said so, and is reached by that.
    let listening = streams.withLock { Set($0.keys) }
    return (
      rows.filter { !listening.contains($0.device) }.compactMap { reach($0) },
      rows.count < limit ? nil : rows.last?.device
    )
  }

  package func send(_ message: TickleMessage) async -> Delivery {
    if message.channel == .stream {
      return live.wake(message.device, tickle: message.tickle) ? .accepted : .unreachable
    }
    let (row, person): (PushRow, Identifier)
    do {
      // Signed out, revoked, merged, or of somebody who is gone: nobody is woken any more.
      guard let found = try await catalog.pushToSend(to: message.device) else { return .unreachable }
      (row, person) = found
    } catch { return .unsent("catalog") }
    let began = now()
    guard row.state == .active || row.state == .backoff, !PushLife.isAsleep(row, now: began) else {
      return .unreachable
    }
    if let retry = row.retryAt, retry > began { return .throttled(until: retry, isOfHost: false) }
    let content: PushContent =
      switch message.kind {
      case .sync: .sync(tickle: message.tickle)
      case .nudge(let text): .nudge(tickle: message.tickle, text: text)
      }
    let reply = await transmit(PushMessage(content, timeToLive: message.ttlSeconds), row.place, of: person)
    let now = now()
    let after = PushLife.after(reply, row, now: now)
    if after != row {
      do { try await catalog.settle(push: after, now: now) } catch {
        logger.warning("what became of a push could not be recorded", metadata: ["error": "\(error)"])
      }
      if after.state == .gone { tell(device: row.device, nil) }
      live.ring()
    }
    return switch reply {
    case .accepted: .accepted
    // APNs' word about an older registration of the same token.
    case .gone: after.state == .gone ? .gone : .refused("410")
    case .throttled(let seconds, let isOfHost): .throttled(until: now.adding(seconds: seconds), isOfHost: isOfHost)
    case .offline: .offline
    case .failed(let word): .failed(word)
    case .lost(let word): .lost(word)
    case .unsent(let word): .unsent(word)
    case .refused(let word): .refused(word)
    }
  }

  package func listen(_ listener: @escaping @Sendable (_ device: Int64, Reach?) -> Void) {
    listeners.withLock { $0.append(listener) }
  }

  /// Devices were merged, or lost their logins: whoever sends learns what holds now.
  func changed(_ ids: [Identifier]) async {
    do {
      for device in try await catalog.deviceNumbers(ids) {
        tell(device: device, try await catalog.pushToSend(to: device).flatMap { reach($0.0) })
      }
    } catch { logger.warning("push registrations could not be read", metadata: ["error": "\(error)"]) }
  }

  /// How a registration is reached; nil where it is not.
  func reach(_ row: PushRow) -> Reach? {
    guard let channel = Reach.Channel(rawValue: row.place.kind), row.state == .active || row.state == .backoff,
      !PushLife.isAsleep(row, now: now())
    else { return nil }
    var reach = Reach(device: row.device, channel: channel, host: PushRegistry.host(of: row.place))
    if let from = row.quiet.from, let to = row.quiet.to {
      reach.quiet = zones.hours(from: Int(from), to: Int(to), in: row.quiet.timeZone, now: now())
    }
    reach.canShow = row.quiet.canShow
    return reach
  }

  // MARK: Event streams

  /// A browser shows what happens; there is nothing in it to wake.
  package func canListen(_ device: Int64?) async -> Bool {
    guard let device, let kind = try? await catalog.deviceKind(device) else { return false }
    return kind != "browser"
  }

  /// A device that can listen has opened an event stream: no third party is needed as long as it is open. `streamClosed` must
  /// follow.
  package func streamOpened(_ device: Int64) {
    let isFirst = streams.withLock { streams in
      streams[device, default: 0] += 1
      return streams[device] == 1
    }
    if isFirst { tell(device: device, nil) }
  }

  package func streamClosed(_ device: Int64) async {
    let isLast = streams.withLock { streams in
      let left = (streams[device] ?? 1) - 1
      streams[device] = left > 0 ? left : nil
      return left <= 0
    }
    guard isLast else { return }
    // It may be back before the catalog has answered: then it stays with the stream.
    tell(device: device, (try? await catalog.push(of: device)).flatMap { reach($0) })
  }
}
