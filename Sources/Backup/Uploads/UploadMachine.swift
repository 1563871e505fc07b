/// Where an upload stands while this process looks after it: the whole state machine, and nothing else decides.
///
/// Whoever holds an upload does so under a generation, a number that is given once. What an earlier holder does late
/// carries an older generation, and no transition takes it.
enum UploadMachine: Equatable, Sendable {
  /// Nobody holds it.
  case open
  /// Someone looks at it, begins or cancels: short, never interrupted.
  case visited(UInt64)
  /// A connection writes to it.
  case receiving(UInt64)
  /// Likewise, but a newcomer hung that connection up: it may write what has come already, and must let go.
  /// - `writes`: how many more.
  case takenOver(UInt64, writes: Int)
  /// Whole, and being stored: never interrupted.
  case finishing(UInt64)
  /// Stored; the answer is kept.
  case complete
  /// Can never be stored; the reason is kept.
  case failed
  /// Cancelled, expired, or its bytes are lost.
  case gone

  enum Event: Equatable, Sendable {
    /// A newcomer holds it from here on.
    case visit(UInt64)
    /// The visitor becomes a connection that writes.
    case receive(UInt64)
    /// A newcomer wants it: whoever writes shall let go, after so many writes more at the most.
    case knock(writes: Int)
    /// The holder wants to write.
    case write(UInt64)
    /// The holder's body came to its end, and the upload is whole.
    case finish(UInt64)
    /// The holder lets go; what came stays.
    case letGo(UInt64)
    /// It was stored, by the holder or (found by it) before.
    case store(UInt64)
    /// The holder found that it can never be stored.
    case fail(UInt64)
    /// The holder cancelled it, or found it expired or lost.
    case remove(UInt64)
  }

  /// The state behind an event; nil where it must not happen, and nothing has changed then.
  func after(_ event: Event) -> UploadMachine? {
    switch (self, event) {
    case (.open, .visit(let holder)): return .visited(holder)
    case (.visited(let holder), .receive(holder)): return .receiving(holder)
    case (.receiving(let holder), .knock(let writes)): return .takenOver(holder, writes: writes)
    case (.receiving, .write(holder)): return self
    case (.takenOver(let holder, let writes), .write(holder)) where writes > 0:
      return .takenOver(holder, writes: writes - 1)
    case (.receiving(let holder), .finish(holder)), (.takenOver(let holder, _), .finish(holder)),
      (.visited(let holder), .finish(holder)):
      return .finishing(holder)
    case (_, .letGo(let holder)) where self.holder == holder: return .open
    case (_, .store(let holder)) where self.holder == holder: return .complete
    case (_, .fail(let holder)) where self.holder == holder: return .failed
    // What is being stored cannot be cancelled any more.
    case (.finishing, .remove): return nil
    case (_, .remove(let holder)) where self.holder == holder: return .gone
    default: return nil
    }
  }

  /// The generation that holds it.
  var holder: UInt64? {
    switch self {
    case .visited(let holder), .receiving(let holder), .takenOver(let holder, _), .finishing(let holder): holder
    case .open, .complete, .failed, .gone: nil
    }
  }

  /// A connection writes to it.
  var isReceiving: Bool {
    switch self {
    case .receiving, .takenOver: true
    default: false
    }
  }

  var isFinishing: Bool { if case .finishing = self { true } else { false } }

  /// Nothing happens to it any more.
  var isOver: Bool {
    switch self {
    case .complete, .failed, .gone: true
    default: false
    }
  }
}
