import Ground
import Testing

@testable import Backup

@Suite struct TideTests {
  @Test("photos at a phone's pace leave the workers alone; more of them make them rest until it is over")
  func pace() {
    let start = MonotonicTime.now()
    var tide = Tide(photos: 0, now: start)
    var photos = 0
    // Ten photos a second for ten seconds, looked at ten times a second.
    for tenth in 1...100 {
      photos += 1
      let isHigh = tide.isHigh(photos: photos, now: start.adding(seconds: Double(tenth) / 10))
      #expect(!isHigh)
    }
    // Three hundred a second for one more.
    var high = 0
    for tenth in 101...110 {
      photos += 30
      if tide.isHigh(photos: photos, now: start.adding(seconds: Double(tenth) / 10)) { high += 1 }
    }
    #expect(high >= 7, "\(high) of 10")
    // And nothing any more.
    _ = tide.isHigh(photos: photos, now: start.adding(seconds: 11.3))
    let isHigh = tide.isHigh(photos: photos, now: start.adding(seconds: 11.6))
    #expect(!isHigh)
  }

  @Test("after a night without work the first photo is no flood")
  func firstPhoto() {
    let start = MonotonicTime.now()
    var tide = Tide(photos: 500, now: start)
    let isHigh = tide.isHigh(photos: 530, now: start.adding(seconds: 30_000))
    #expect(!isHigh)
  }
}
