import Ground
import HTTPTypes
import Synchronization

/// The receiving side of one request body: takes the framing off and counts against the limit, wherever its reader runs.
final class BodySource: Sendable {
  private struct State {
    /// Received together with the head, or behind the end of a chunked body.
    var leftover: ArraySlice<UInt8>
    /// Content-Length: bytes still to come. Nil for chunked.
    var remaining: Int64?
    var decoder = ChunkedDecoder()
    var decoded: Int64 = 0
    var owesContinue: Bool
    var isDone = false
    /// Bytes received since the loop last got to others.
    var sinceBreath = 0
    var failure: BodyError?
  }

  /// A chunked body is received in pieces of this size: what comes with its last piece is the next request's, and kept.
  private static let chunkedPiece = 64 << 10
  /// A reader of a body of known length sleeps until this much has come, or its rest.
  private static let worthWaking = 256 << 10
  /// After this many bytes a reader on the loop lets the other connections have their turn.
  private static let breath = 1 << 20

  private enum Step {
    case finished(Int)
    case sendContinue
    case receive(limit: Int, worthWaking: Int)
  }

  private let channel: Channel
  private let loop: EventLoop
  private let limit: Int64?
  private let patience: Double
  private let state: Mutex<State>

  /// - Parameter patience: seconds without a byte until the body counts as stalled.
  init(
    channel: Channel, loop: EventLoop, framing: RequestHead.Framing, leftover: ArraySlice<UInt8>, limit: Int64?,
    expectsContinue: Bool,
    patience: Double
  ) {
    (self.channel, self.loop, self.limit, self.patience) = (channel, loop, limit, patience)
    var remaining: Int64?
    if case .length(let length) = framing { remaining = length }
    state = Mutex(State(leftover: leftover, remaining: remaining, owesContinue: expectsContinue && leftover.isEmpty))
  }

  /// The body was read to its end.
  var isDone: Bool { state.withLock { $0.isDone } }
  /// The framing broke or the peer went away: no further request can be read from this connection.
  var hasFailed: Bool { state.withLock { $0.failure != nil } }
  /// The client still waits for `100 Continue`, and may or may not send the body now.
  var owesContinue: Bool { state.withLock { $0.owesContinue } }
  /// So little is still to come that reading it is cheaper than a new connection: 256 KiB of a known length.
  var restIsShort: Bool { state.withLock { ($0.remaining ?? Int64.max) <= 256 << 10 } }
  /// What was received behind the end of the body: the beginning of the next request.
  func takeSurplus() -> ArraySlice<UInt8> {
    state.withLock { state in
      defer { state.leftover = [] }
      return state.leftover
    }
  }

  /// Appends to the block; see `RequestBody.read(into:)`.
  func pull(into block: Block) async throws(BodyError) -> Int {
    precondition(!block.space.isEmpty)
    while true {
      switch try state.withLock({ state throws(BodyError) in try next(&state, block) }) {
      case .finished(let count):
        return count
      case .sendContinue:
        let interim = ResponseHead.interim(.continue, [:])
        do { try await channel.send(interim, patience: patience) } catch { throw fail(.disconnected) }
      case .receive(let limit, let worthWaking):
        let count: Int
        do {
          let space = UnsafeMutableRawBufferPointer(rebasing: block.space.prefix(limit))
          count = try await channel.receive(space, patience: patience, worthWaking: worthWaking)
        } catch {
          throw fail(error == .timedOut ? .stalled : .disconnected)
        }
        guard count > 0 else { throw fail(.disconnected) }
        // A peer that sends without a pause would keep the loop from everybody else, and from its clock.
        if loop.isRunningHere, isOutOfBreath(count) { await loop.breathe() }
        let decoded = try state.withLock { state throws(BodyError) in try accept(count, into: block, &state) }
        if decoded > 0 { return decoded }
      }
    }
  }

  private func next(_ state: inout State, _ block: Block) throws(BodyError) -> Step {
    if let failure = state.failure { throw failure }
    if state.isDone { return .finished(0) }
    if state.owesContinue {
      state.owesContinue = false
      return .sendContinue
    }
    let room = Int(min(Int64(block.space.count), state.remaining ?? Int64(Self.chunkedPiece)))
    guard !state.leftover.isEmpty else {
      // How long a chunked body still is nobody knows.
      return .receive(limit: room, worthWaking: state.remaining == nil ? 1 : min(room, Self.worthWaking))
    }
    let taken = state.leftover.prefix(room)
    state.leftover = state.leftover.dropFirst(taken.count)
    block.space.copyBytes(from: taken)
    let decoded = try accept(taken.count, into: block, &state)
    // A chunk's framing alone gives no bytes: go round again.
    return decoded > 0 || state.isDone ? .finished(decoded) : try next(&state, block)
  }

  /// Takes the framing off `count` bytes that lie in the block's free space.
  private func accept(_ count: Int, into block: Block, _ state: inout State) throws(BodyError) -> Int {
    var decoded = count
    if let remaining = state.remaining {
      state.remaining = remaining - Int64(count)
      state.isDone = remaining == Int64(count)
    } else {
      let raw = UnsafeMutableRawBufferPointer(rebasing: block.space.prefix(count))
      do {
        let (length, consumed) = try state.decoder.decode(raw)
        decoded = length
        // Behind the last chunk, or, with leftover bytes not yet decoded, in front of them.
        if consumed < count { state.leftover = ArraySlice(Array(raw[consumed...]) + state.leftover) }
      } catch {
        state.failure = error
        throw error
      }
      state.isDone = state.decoder.isDone
    }
    state.decoded += Int64(decoded)
    if let limit, state.decoded > limit {
      state.failure = .tooLarge(limit: limit)
      throw BodyError.tooLarge(limit: limit)
    }
    block.count += decoded
    return decoded
  }

  private func isOutOfBreath(_ count: Int) -> Bool {
    state.withLock { state in
      state.sinceBreath += count
      guard state.sinceBreath >= Self.breath else { return false }
      state.sinceBreath = 0
      return true
    }
  }

  private func fail(_ error: BodyError) -> BodyError {
    state.withLock { $0.failure = error }
    return error
  }
}
