import Ground
import Synchronization

/// Asks for names, a few at once. A name whose servers never answer holds a place for half a minute, and nobody can stop that:
/// so one person has one question under way at a time, names that never had an answer have two of the places between them, and
/// whoever asks for a name that is asked for already waits for the same answer.
final class NameDesk: Sendable {
  typealias Answer = Result<[IPAddress], OutboundError>

  /// Questions under way, and those of them for names that never had an answer.
  static let places = 4
  static let strangers = 2
  /// Names that wait for a place.
  static let waiting = 256
  /// Names that are remembered.
  static let capacity = 512
  /// Seconds for which it is remembered that a name could not be asked for.
  static let failureMemory = 10.0

  private struct Question {
    let host: String
    let person: Identifier?
    let isTrusted: Bool
  }
  private struct Kept {
    var answer: Answer
    var until: MonotonicTime
    /// Had an answer with addresses once.
    var isGood: Bool
  }
  private struct State {
    var kept: [String: Kept] = [:]
    var queue: [Question] = []
    var underWay: [String: Question] = [:]
    var waiters: [String: [UInt64: CheckedContinuation<Answer, Never>]] = [:]
    var next: UInt64 = 0

    func isStranger(_ question: Question) -> Bool {
      !question.isTrusted && kept[question.host]?.isGood != true
    }

    /// The next question that may be asked.
    mutating func take() -> Question? {
      guard underWay.count < NameDesk.places else { return nil }
      let isFull = underWay.values.count(where: isStranger) >= NameDesk.strangers
      let busy = Set(underWay.values.compactMap(\.person))
      let index = queue.firstIndex { question in
        !(isFull && isStranger(question)) && !(question.person.map(busy.contains) ?? false)
      }
      guard let index else { return nil }
      let question = queue.remove(at: index)
      underWay[question.host] = question
      return question
    }
  }

  private let resolver: any Resolver
  private let memory: Double
  private let state = Mutex(State())

  /// - Parameter memory: seconds for which an answer holds.
  init(_ resolver: any Resolver, memory: Double) { (self.resolver, self.memory) = (resolver, memory) }

  /// - Parameters:
  ///   - person: who named the host; nil for the server itself.
  ///   - isTrusted: the operator named it.
  ///   - seconds: for which the asker waits.
  /// - Throws: `.unknownHost`; `.resolverFailed` where no answer came, `.busy` where the question never had its turn.
  func addresses(
    of host: String, for person: Identifier?, isTrusted: Bool, within seconds: Double
  ) async throws(OutboundError) -> [IPAddress] {
    let answer: Answer = await withCheckedContinuation { continuation in
      let (known, place) = state.withLock { state -> (Answer?, UInt64) in
        if let kept = state.kept[host], kept.until > .now() { return (kept.answer, 0) }
        let isAsked = state.waiters[host] != nil || state.underWay[host] != nil
        guard isAsked || state.queue.count < NameDesk.waiting else { return (.failure(.busy), 0) }
        state.next += 1
        state.waiters[host, default: [:]][state.next] = continuation
        if !isAsked { state.queue.append(Question(host: host, person: person, isTrusted: isTrusted)) }
        return (nil, state.next)
      }
      if let known { return continuation.resume(returning: known) }
      Task {
        do { try await Task.sleep(for: .seconds(max(0, seconds))) } catch { return }
        self.giveUp(host, place)
      }
      begin()
    }
    let addresses = try answer.get()
    guard !addresses.isEmpty else { throw .unknownHost }
    return addresses
  }

  private func begin() {
    while let question = state.withLock({ $0.take() }) {
      Task {
        let answer: Answer
        do throws(OutboundError) { answer = .success(try await resolver.addresses(of: question.host)) } catch {
          answer = .failure(error)
        }
        end(question, answer)
      }
    }
  }

  private func end(_ question: Question, _ answer: Answer) {
    let waiters = state.withLock { state -> [CheckedContinuation<Answer, Never>] in
      state.underWay[question.host] = nil
      if state.kept.count >= NameDesk.capacity {
        let now = MonotonicTime.now()
        state.kept = state.kept.filter { $0.value.until > now }
        if state.kept.count >= NameDesk.capacity { state.kept = [:] }
      }
      var (isGood, span) = (state.kept[question.host]?.isGood ?? false, memory)
      switch answer {
      case .success: isGood = true
      case .failure(.unknownHost): break
      case .failure: span = min(memory, NameDesk.failureMemory)
      }
      state.kept[question.host] = Kept(answer: answer, until: .now().adding(seconds: span), isGood: isGood)
      return Array((state.waiters.removeValue(forKey: question.host) ?? [:]).values)
    }
    for waiter in waiters { waiter.resume(returning: answer) }
    begin()
  }

  /// Somebody waits no longer; a question for which nobody waits is not asked.
  private func giveUp(_ host: String, _ place: UInt64) {
    let (waiter, isUnderWay) = state.withLock { state in
      let waiter = state.waiters[host]?.removeValue(forKey: place)
      if state.waiters[host]?.isEmpty == true {
        state.waiters[host] = nil
        state.queue.removeAll { $0.host == host }
      }
      return (waiter, state.underWay[host] != nil)
    }
    waiter?.resume(returning: .failure(isUnderWay ? .resolverFailed : .busy))
  }
}
