import Ground
import HTTPTypes
import LogLines
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

@Suite struct ErrorTests {
  @Test("Domain errors have the status and the words that Immich's clients know")
  func contract() throws {
    let one = try #require(SHA1Digest(text: String(repeating: "1", count: 40)))
    let two = try #require(SHA1Digest(text: String(repeating: "2", count: 40)))
    let expected: [(BackupError, Int, String)] = [
      (.invalid("x"), 400, "x"), (.authenticationRequired, 401, "Authentication required"),
      (.invalidAPIKey, 401, "Invalid API key"), (.invalidSessionToken, 401, "Invalid user token"),
      (.incorrectLogin, 401, "Incorrect email or password"),
      (.tooManyAttempts(retryAfter: 9), 429, "Too many attempts, try again in 9 seconds"),
      (.missingPermission("asset.upload"), 403, "Missing required permission: asset.upload"),
      (.forbidden, 403, "Forbidden"), (.noAccess(permission: "asset.read"), 400, "Not found or no asset.read access"),
      (.quotaExceeded, 400, "Quota has been exceeded!"), (.emptyFile, 400, "File is empty"),
      (.unsupportedType(name: "a.exe"), 400, "Unsupported file type a.exe"),
      (
        .checksumMismatch(claimed: one, received: two), 400,
        "The checksum does not match: the received bytes have the SHA-1 \(two.hex), but \(one.hex) was announced; "
          + "nothing was stored"
      ),
      (.diskFull, 507, "The server's disk is full; nothing was stored"),
      (.originalMissing(Identifier()), 404, "The original file is missing on the server"),
    ]
    for (error, status, message) in expected {
      let answer = ErrorAnswer(error)
      #expect((answer.status.code, answer.message) == (status, message))
    }
    #expect(ErrorAnswer(BackupError.diskFull).code == "disk_full")
    #expect(ErrorAnswer(BackupError.tooManyAttempts(retryAfter: 9)).fields[.retryAfter] == "9")
    #expect(ErrorAnswer(BodyError.disconnected).status == .badRequest)
    #expect(ErrorAnswer(BodyError.malformed("x")).status == .badRequest)
    #expect(ErrorAnswer(BodyError.stalled).status == .requestTimeout)
    #expect(ErrorAnswer(BodyError.overloaded).status == .serviceUnavailable)
    #expect(ErrorAnswer(BodyError.overloaded).fields[.retryAfter] == "1")
    #expect(ErrorAnswer(BodyError.tooLarge(limit: 5)).status == .contentTooLarge)
  }

  @Test("Every error is JSON with a message and a correlation id of its own; an unforeseen one tells nothing")
  func answers() throws {
    struct Secret: Error { let path = "/data/originals/anna" }
    let lines = LogLines()
    let failures = Failures(logger: lines.logger)
    let request = try makeRequest(.get, "/api/x")
    var seen: Set<String> = []
    for error in [BackupError.forbidden, Secret(), UnknownRoute(), Refusal(.badRequest, "no")] as [any Error] {
      let response = failures.answer(to: error, request)
      let correlation = try #require(HTTPField.Name("X-Correlation-ID").flatMap { response.fields[$0] })
      #expect(seen.insert(correlation).inserted)
      #expect(response.fields[.contentType]?.hasPrefix("application/json") == true)
      #expect(response.fields[.cacheControl] == "no-store")
      let text = try response.text()
      #expect(text.contains(#""message":""#) && !text.contains("originals"))
      #expect(lines.all.contains { $0.contains(correlation) })
    }
    #expect(lines.all.contains { $0.contains("/data/originals/anna") })
  }

  @Test("A client's bytes cannot forge a line of the log")
  func logText() {
    #expect(LogText.escaped("a\r\nb\u{1B}[2Jü\\") == #"a\u{d}\u{a}b\u{1b}[2J\u{fc}\\"#)
    #expect(LogText.escaped(String(repeating: "x", count: 1000)).count == 301)
  }
}
