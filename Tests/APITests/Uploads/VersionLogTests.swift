import LogLines
import Testing

@testable import API

@Suite("The log of versions that clients speak")
struct VersionLogTests {
  private let lines = LogLines()

  private func note(_ log: VersionLog, _ version: String, _ agent: String) throws {
    log.note(
      try makeRequest(
        .post, "/api/backup/assets", [("upload-draft-interop-version", version), ("User-Agent", agent)]),
      isSpoken: true)
  }

  @Test("A version and a client are named once, however many photos come; nothing of either reaches the log unescaped")
  func once() throws {
    let log = VersionLog(lines.logger)
    for _ in 0..<3 { try note(log, "8", "iOS 26") }
    #expect(lines.all.count == 1)
    try note(log, "8", "iOS 27")
    try note(log, "9\u{1b}[31m", "iOS 27")
    #expect(lines.all.count == 3)
    #expect(!lines.all.joined().contains("\u{1b}"))
    log.note(try makeRequest(.post, "/api/backup/assets"), isSpoken: false)
    #expect(lines.all.count == 3)
  }

  @Test("Whoever invents versions fills neither the memory nor the log")
  func bounded() throws {
    let log = VersionLog(lines.logger)
    for index in 0..<1000 { try note(log, "\(index)", "a" + String(repeating: "\u{301}", count: 4000)) }
    #expect(lines.all.count == VersionLog.memory + 1)
    #expect(lines.all.last?.hasPrefix("256 of them were named: no more before a restart") == true)
    #expect(lines.all.allSatisfy { $0.utf8.count < 3000 })
  }
}
