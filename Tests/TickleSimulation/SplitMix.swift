import Tickle

/// The same numbers on every machine.
package struct SplitMix: Sendable {
  private var state: UInt64

  package init(_ seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return state.mixed
  }

  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  package mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
