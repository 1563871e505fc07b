import Glibc
import Ground
import Tickle
import TickleSimulation

// Two measurements of the scheduler alone, as JSON on one line each: `tickle-year [devices] [days]` lives through them and
// checks every tickle; then 100,000 devices are registered, and a day of theirs is measured.

let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
var setting = Simulation.Setting()
(setting.devices, setting.days) = (arguments.first ?? 10_000, arguments.dropFirst().first ?? 365)
setting.seed = UInt64.random(in: 0...UInt64(UInt32.max))
setting.outages = (1..<max(2, setting.days / 30)).map { (Int64($0) * 720, $0 % 2 == 0 ? 5 : 50) }

let begun = MonotonicTime.now()
var simulation = Simulation(setting)
let result = simulation.run()
let seconds = MonotonicTime.now().seconds(since: begun)
let lift = Lift((result.sent.contacts, result.sent.trials), against: (result.heldBack.contacts, result.heldBack.trials))
print(
  """
  {"what": "year", "devices": \(setting.devices), "days": \(setting.days), "seed": \(setting.seed), "seconds": \(seconds), \
  "tickles": \(result.tickles), "held": \(result.held), "contacts": \(result.contacts), "lift": \(lift.value), \
  "truth": \(result.truth), "slowed": \(result.slowed), "burst": \(result.burst), "breaches": \(result.breaches.count)}
  """)
for breach in result.breaches { print("breach (seed \(setting.seed)): \(breach)") }

let scale = Scale(devices: 100_000, seed: setting.seed)
print(
  """
  {"what": "scale", "devices": 100000, "megabytes": \(scale.megabytes), "core": \(scale.coreShare), \
  "contacts": \(scale.contacts), "tickles": \(scale.tickles)}
  """)
if !result.breaches.isEmpty { exit(1) }
