import Testing

@testable import Backup

/// A second description of the same rules, written as a list of facts instead of states.
private struct Model {
  var isOver = false
  var holder: UInt64?
  var isWriting = false
  var isAskedToLeave = false
  var allowed = 0
  var written = 0
  var isStoring = false

  /// Whether the event may happen; it has happened then.
  mutating func take(_ event: UploadMachine.Event) -> Bool {
    guard !isOver else { return false }
    switch event {
    case .visit(let who):
      guard holder == nil else { return false }
      self = Model(holder: who)
    case .receive(let who):
      guard holder == who, !isWriting, !isStoring else { return false }
      isWriting = true
    case .knock(let writes):
      guard isWriting, !isAskedToLeave else { return false }
      (isAskedToLeave, allowed, written) = (true, writes, 0)
    case .write(let who):
      guard holder == who, isWriting else { return false }
      guard isAskedToLeave else { return true }
      guard written < allowed else { return false }
      written += 1
    case .finish(let who):
      guard holder == who, !isStoring else { return false }
      (isStoring, isWriting, isAskedToLeave) = (true, false, false)
    case .letGo(let who):
      guard holder == who else { return false }
      self = Model()
    case .store(let who), .fail(let who):
      guard holder == who else { return false }
      self = Model(isOver: true)
    case .remove(let who):
      guard holder == who, !isStoring else { return false }
      self = Model(isOver: true)
    }
    return true
  }

  func agrees(with machine: UploadMachine) -> Bool {
    switch machine {
    case .open: !isOver && holder == nil
    case .visited(let who): !isOver && holder == who && !isWriting && !isStoring
    case .receiving(let who): !isOver && holder == who && isWriting && !isAskedToLeave
    case .takenOver(let who, let writes):
      !isOver && holder == who && isWriting && isAskedToLeave && writes == allowed - written
    case .finishing(let who): !isOver && holder == who && isStoring && !isWriting
    case .complete, .failed, .gone: isOver && holder == nil
    }
  }
}

@Suite struct UploadMachineTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ state >> 33) &* 0xFF51_AFD7_ED55_8CCD
    }
  }

  /// Random events, with holders old and new: the machine and the model take and refuse the same ones and stand alike
  /// after each.
  @Test(arguments: [1, UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)])
  func randomEventsAgreeWithTheModel(seed: UInt64) {
    var random = Generator(state: seed)
    var seen: Set<String> = []
    for _ in 0..<3000 {
      var (machine, model, taken) = (UploadMachine.open, Model(), [UploadMachine.Event]())
      var last: UInt64 = 0
      for _ in 0..<24 {
        // Mostly the newest generation, sometimes one that is late.
        let who = last > 1 && random.next() % 4 == 0 ? last - 1 : last
        let event: UploadMachine.Event
        switch random.next() % 16 {
        case 0...3:
          last += 1
          event = .visit(last)
        case 4...6: event = .receive(who)
        case 7, 8: event = .knock(writes: Int(random.next() % 3))
        case 9...11: event = .write(who)
        case 12: event = .finish(who)
        case 13: event = .letGo(who)
        case 14: event = random.next() % 2 == 0 ? .store(who) : .fail(who)
        default: event = .remove(who)
        }
        let next = machine.after(event)
        let isTaken = model.take(event)
        taken.append(event)
        guard (next != nil) == isTaken, model.agrees(with: next ?? machine) else {
          Issue.record("seed \(seed): after \(taken) the machine is \(String(describing: next)), the model \(model)")
          return
        }
        machine = next ?? machine
        if seen.count < 8 { seen.insert(String("\(machine)".prefix { $0 != "(" })) }
      }
    }
    #expect(seen == ["open", "visited", "receiving", "takenOver", "finishing", "complete", "failed", "gone"])
  }

  @Test func lateWriterIsNeverTaken() throws {
    var machine = UploadMachine.open
    for event: UploadMachine.Event in [.visit(1), .receive(1), .write(1), .knock(writes: 1), .write(1)] {
      machine = try #require(machine.after(event), "\(event)")
    }
    #expect(machine.after(.write(1)) == nil, "one write after the take-over")
    for event: UploadMachine.Event in [.letGo(1), .visit(2), .receive(2)] {
      machine = try #require(machine.after(event), "\(event)")
    }
    #expect(machine.after(.write(1)) == nil)
    #expect(machine.after(.letGo(1)) == nil)
    #expect(machine.after(.write(2)) == .receiving(2))
  }
}
