import Glibc
import Ground
import Tickle

/// What many registered devices cost: resident memory, and the share of a core that a day of theirs takes.
package struct Scale: Sendable {
  package private(set) var megabytes = 0.0
  /// Of one core, 0.01 for a hundredth.
  package private(set) var coreShare = 0.0
  package private(set) var contacts = 0
  package private(set) var tickles = 0

  /// A day of devices that are in contact three times a day, and tickled in between by the rules; each tickle is accepted
  /// and half of them are answered.
  package init(devices: Int, seed: UInt64) {
    let before = Scale.resident()
    let start = Simulation.start
    var random = SplitMix(seed)
    var scheduler = Scheduler(seed: seed)
    scheduler.reserve(devices)
    for device in 0..<devices {
      let last = start - Int64(random.below(86_400_000))
      var enrolment = Enrolment(
        reach: Reach(device: Int64(device), channel: .webPush, host: "host\(device % 50)"), id: Identifier(),
        platform: Platform.allCases[device % 3], lastContact: Instant(milliseconds: last))
      for visit in stride(from: Int64(24), to: 0, by: -1) {
        enrolment.rhythm.note(
          Instant(milliseconds: last - visit * 28_800_000),
          after: Instant(milliseconds: last - (visit + 1) * 28_800_000))
      }
      scheduler.enroll(enrolment, now: Instant(milliseconds: start))
    }
    // One day to settle, one to measure. A contact every 288 ms.
    let step = 28_800_000 / Int64(devices)
    var now = start
    var begun = MonotonicTime.now()
    for day in 0..<2 {
      if day == 1 {
        (contacts, tickles) = (0, 0)
        megabytes = Double(Scale.resident() - before) / 1_000_000
        begun = .now()
      }
      let end = now + 86_400_000
      while now < end {
        now += step
        scheduler.contact(Int64(random.below(devices)), at: Instant(milliseconds: now))
        contacts += 1
        if let look = scheduler.nextLook, look.milliseconds <= now {
          for order in scheduler.take(now: Instant(milliseconds: now)) where !order.isHeld {
            tickles += 1
            scheduler.settle(order, .accepted, now: Instant(milliseconds: now))
            if random.unit() < 0.5 {
              scheduler.contact(order.device, at: Instant(milliseconds: now + 1), echo: order.tickle)
            }
          }
          _ = scheduler.takeEnded()
        }
      }
    }
    coreShare = MonotonicTime.now().seconds(since: begun) / 86_400
  }

  /// Bytes of this process; 0 where the kernel does not tell.
  private static func resident() -> Int64 {
    var text = [UInt8](repeating: 0, count: 200)
    let count = text.withUnsafeMutableBytes { buffer in
      (try? Descriptor(open: "/proc/self/statm", O_RDONLY).read(into: buffer, at: 0)) ?? 0
    }
    let fields = String(decoding: text.prefix(count), as: UTF8.self).split(separator: " ")
    return (fields.count > 1 ? Int64(fields[1]) ?? 0 : 0) * 4096
  }
}
