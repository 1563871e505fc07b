import Backup
import Tickle

/// One tickle.
struct TicklingShape: Encodable {
  /// What the device echoes.
  let id: String
  let at: String
  let channel: String
  let why: String
  let outcome: String
  @Nullable var delivery: String?
  let isVisible: Bool
  let isEchoed: Bool
  @Nullable var latencyMilliseconds: Int64?
  @Nullable var storedAfterMilliseconds: Int64?

  init(_ tickling: Tickling) {
    (id, at, channel, why) = (String(tickling.number), tickling.at.iso8601, tickling.channel, tickling.why)
    (outcome, isVisible, isEchoed) = (tickling.outcome.rawValue, tickling.isNudge, tickling.isEchoed)
    (delivery, latencyMilliseconds) = (tickling.delivery, tickling.latencyMilliseconds)
    storedAfterMilliseconds = tickling.storedAfterMilliseconds
  }
}

/// What a device's line says of tickles.
struct TickleShape: Encodable {
  @Nullable var last: TicklingShape?
  let trials: Int64
  @Nullable var lift: LiftShape?
  /// How many times slower than usual.
  let cadence: Int64
  @Nullable var diagnosis: String?
  let sentence: String

  init(_ view: TickleView?) {
    (trials, cadence, sentence) = (view?.trials ?? 0, view?.cadence ?? 1, view?.sentence ?? "Not tickled yet.")
    last = view?.last.map { TicklingShape($0) }
    (lift, diagnosis) = (view?.lift.map { LiftShape($0) }, view?.diagnosis?.rawValue)
  }
}

/// P(contact | tickle) − P(contact | held back), with its 95 % interval.
struct LiftShape: Encodable {
  let value: Double
  let low: Double
  let high: Double

  init(_ lift: Lift) {
    (value, low, high) = (LiftShape.rounded(lift.value), LiftShape.rounded(lift.low), LiftShape.rounded(lift.high))
  }

  private static func rounded(_ share: Double) -> Double { (share * 1000).rounded() / 1000 }
}

/// Of all devices that somebody sees.
struct TickleTotalsShape: Encodable {
  let sentLastDay: Int64
  let answeredLastDay: Int64
  @Nullable var lift: LiftShape?

  init(_ totals: TickleView.Totals) {
    (sentLastDay, answeredLastDay) = (totals.sentLately, totals.answeredLately)
    lift = totals.lift.map { LiftShape($0) }
  }
}
