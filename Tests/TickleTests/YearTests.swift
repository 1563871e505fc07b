import Ground
import Testing
import Tickle
import TickleSimulation

/// Small years of many households; `Benchmarks/run i` lives through 10,000 devices' year.
@Suite struct YearTests {
  @Test("No rule is broken, whatever the seed", arguments: 0..<6)
  func years(_ number: Int) {
    var setting = Simulation.Setting()
    setting.seed = UInt64.random(in: 0...UInt64(UInt32.max))
    setting.areHostsWell = number.isMultiple(of: 2)
    var simulation = Simulation(setting)
    let result = simulation.run()
    let lift = Lift(
      (result.sent.contacts, result.sent.trials), against: (result.heldBack.contacts, result.heldBack.trials))
    let held = Double(result.held) / Double(result.tickles)
    print(
      "tickle: seed \(setting.seed): \(result.tickles) tickles, \(held) held back, lift \(lift.value) (\(lift.low) to"
        + " \(lift.high)), truth \(result.truth), \(result.slowed) slowed, burst \(result.burst), \(result.contacts) contacts"
    )
    #expect(result.breaches.isEmpty, "seed \(setting.seed)")
    #expect(result.tickles > 1000)
    #expect((0.08...0.12).contains(held), "seed \(setting.seed)")
    #expect(abs(lift.value - result.truth) < 0.06, "seed \(setting.seed)")
    #expect(result.burst < 0.25, "seed \(setting.seed)")
  }
}
