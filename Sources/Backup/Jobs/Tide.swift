import Ground

/// Whether photos come in faster than a phone sends them over Wi-Fi: then every job takes disk and processor from an
/// upload, and a worker does only one in a while. (8 connections, photos of 3 MB: 15 % more time without this.)
struct Tide {
  /// Photos a second.
  static let high = 20.0
  /// How long a worker rests before each job meanwhile, in seconds.
  static let rest = 1.0
  /// Seconds that are looked at together.
  private static let window = 0.25

  private var photos: Int
  private var since: MonotonicTime
  private var wasHigh = false

  init(photos: Int, now: MonotonicTime = .now()) { (self.photos, since) = (photos, now) }

  /// - Parameter photos: how many have come since the start.
  mutating func isHigh(photos: Int, now: MonotonicTime = .now()) -> Bool {
    let elapsed = now.seconds(since: since)
    guard elapsed >= Tide.window else { return wasHigh }
    wasHigh = Double(photos - self.photos) / elapsed > Tide.high
    (self.photos, since) = (photos, now)
    return wasHigh
  }
}
