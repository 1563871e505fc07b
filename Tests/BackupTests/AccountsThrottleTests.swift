import Ground
import Testing

@testable import Backup

@Suite struct AccountsThrottleTests {
  private func at(_ seconds: Double) -> MonotonicTime { MonotonicTime(nanoseconds: 1).adding(seconds: seconds) }

  @Test func waitsDoubleAfterFiveFailuresUpToAMinuteForAnAccount() {
    var throttle = LoginThrottle()
    var now = 0.0
    var waits: [Int?] = []
    for _ in 0..<14 {
      throttle.failed(account: "anna", address: nil, now: at(now))
      let wait = throttle.wait(account: "anna", address: nil, now: at(now))
      waits.append(wait)
      now += Double(wait ?? 0)
      #expect(throttle.wait(account: "anna", address: nil, now: at(now)) == nil)
    }
    #expect(waits == [nil, nil, nil, nil, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
  }

  @Test func anAddressWaitsUpToFifteenMinutes() {
    var throttle = LoginThrottle()
    var longest = 0
    var now = 0.0
    for number in 0..<30 {
      throttle.failed(account: "account \(number)", address: "192.0.2.1", now: at(now))
      let wait = throttle.wait(account: "someone", address: "192.0.2.1", now: at(now)) ?? 0
      longest = max(longest, wait)
      now += Double(wait)
    }
    #expect(longest == 900)
    #expect(throttle.wait(account: "someone", address: "192.0.2.2", now: at(now)) == nil)
  }

  @Test func aSuccessClearsTheAccountButNotTheAddress() {
    var throttle = LoginThrottle()
    for _ in 0..<6 { throttle.failed(account: "anna", address: "192.0.2.1", now: at(0)) }
    #expect(throttle.wait(account: "anna", address: "192.0.2.99", now: at(0)) == 2)
    throttle.succeeded(account: "anna", address: "192.0.2.1", now: at(0))
    #expect(throttle.wait(account: "anna", address: "192.0.2.99", now: at(0)) == nil)
    #expect(throttle.wait(account: "anna", address: "192.0.2.1", now: at(0)) == 2)
  }

  @Test func aStrangerCannotLockTheOwnerOut() {
    var throttle = LoginThrottle()
    throttle.succeeded(account: "anna", address: "203.0.113.7", now: at(0))
    // One stranger's network: nobody else waits.
    for _ in 0..<10 { throttle.failed(account: "anna", address: "192.0.2.1", now: at(1)) }
    #expect(throttle.wait(account: "anna", address: "192.0.2.200", now: at(1)) == 32)
    #expect(throttle.wait(account: "anna", address: "198.51.100.1", now: at(1)) == nil)
    // Many networks: those that never logged in wait, the owner's does not, though its address has changed.
    for number in 0..<39 { throttle.failed(account: "anna", address: "10.0.\(number).1", now: at(2)) }
    #expect(throttle.wait(account: "anna", address: "198.51.100.1", now: at(2)) == nil)
    for number in 39..<49 { throttle.failed(account: "anna", address: "10.0.\(number).1", now: at(2)) }
    #expect(throttle.wait(account: "anna", address: "198.51.100.1", now: at(2)) == 60)
    #expect(throttle.wait(account: "anna", address: "203.0.113.99", now: at(2)) == nil)
    #expect(throttle.wait(account: "ben", address: "203.0.113.99", now: at(2)) == nil)
    // A login of the owner's does not give the strangers a fresh start.
    throttle.succeeded(account: "anna", address: "203.0.113.7", now: at(3))
    #expect(throttle.wait(account: "anna", address: "198.51.100.1", now: at(3)) == 59)
  }

  @Test func anHourWithoutFailuresStartsAfresh() {
    var throttle = LoginThrottle()
    for _ in 0..<10 { throttle.failed(account: "anna", address: "192.0.2.1", now: at(0)) }
    throttle.failed(account: "anna", address: "192.0.2.1", now: at(3601))
    #expect(throttle.wait(account: "anna", address: "192.0.2.1", now: at(3601)) == nil)
  }

  @Test func addressesOfOneIPv6NetworkCountTogether() {
    var throttle = LoginThrottle()
    for number in 1...5 { throttle.failed(account: "\(number)", address: "2001:db8::\(number)", now: at(0)) }
    #expect(throttle.wait(account: "x", address: "2001:db8:0:0:ffff::1", now: at(0)) == 1)
    #expect(throttle.wait(account: "x", address: "2001:db8:0:1::1", now: at(0)) == nil)
    #expect(throttle.wait(account: "x", address: "::1", now: at(0)) == nil)
  }

  @Test func rememberedNamesAreBoundedAndTheOldestGo() {
    var throttle = LoginThrottle(capacity: 80)
    for _ in 0..<6 { throttle.failed(account: "victim", address: "192.0.2.1", now: at(0)) }
    for number in 0..<1000 {
      throttle.failed(account: "flood \(number)", address: "198.51.100.\(number)", now: at(1 + Double(number) / 1000))
      throttle.succeeded(account: "guest \(number)", address: "198.51.100.1", now: at(1 + Double(number) / 1000))
      #expect(throttle.count <= 80)
    }
    #expect(throttle.wait(account: "victim", address: "192.0.2.1", now: at(1)) == nil)
    for _ in 0..<5 { throttle.failed(account: "flood 999", address: nil, now: at(2)) }
    #expect(throttle.wait(account: "flood 999", address: nil, now: at(2)) == 1)
  }
}
