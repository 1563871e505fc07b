import Synchronization

/// A number that any thread may move.
package final class Counter: Sendable {
  private let value: Atomic<UInt64>

  package init(_ start: UInt64 = 0) { value = Atomic(start) }

  /// The value before adding one.
  @discardableResult
  package func next() -> UInt64 { value.wrappingAdd(1, ordering: .relaxed).oldValue }

  package func add(_ amount: UInt64) { value.wrappingAdd(amount, ordering: .relaxed) }
  package func increment() { value.wrappingAdd(1, ordering: .relaxed) }
  package func decrement() { value.wrappingSubtract(1, ordering: .relaxed) }
  package var current: UInt64 { value.load(ordering: .relaxed) }
}
