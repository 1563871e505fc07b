import Glibc

/// Nanoseconds on a clock that never goes back; for deadlines and durations.
package struct MonotonicTime: Comparable, Hashable, Sendable {
  package let nanoseconds: UInt64

  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  package static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

  package func adding(seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds + UInt64(seconds * 1_000_000_000))
  }

  /// Seconds from `earlier` to here; 0 where `earlier` is later.
  package func seconds(since earlier: MonotonicTime) -> Double {
    nanoseconds > earlier.nanoseconds ? Double(nanoseconds - earlier.nanoseconds) / 1_000_000_000 : 0
  }
}
