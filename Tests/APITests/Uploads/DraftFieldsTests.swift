import Backup
import Ground
import HTTPTypes
import Testing

@testable import API

@Suite struct DraftFieldsTests {
  private func fields(_ pairs: [(String, String)]) throws -> DraftFields {
    DraftFields(try makeRequest(.post, "/", pairs))
  }

  @Test("Versions 3 to 8 are spoken; every other number, and what is no number, is none")
  func versions() {
    for number in -1...20 {
      #expect((DraftVersion(field: "\(number)") != nil) == (3...8).contains(number))
    }
    for text in ["", "8.0", "\"8\"", "v8", "8 8", "8,8"] { #expect(DraftVersion(field: text) == nil) }
    #expect(DraftVersion(field: "8;x=1") == .v8)
    #expect(DraftVersion(field: nil) == nil)
  }

  @Test("Version 3 says it the other way round, and each version hears its own field alone")
  func completeness() throws {
    for version in DraftVersion.allCases {
      let number = ("Upload-Draft-Interop-Version", "\(version.rawValue)")
      for isComplete in [true, false] {
        #expect(
          try fields([number, (version.completenessField, version.completeness(isComplete))]).isComplete == isComplete)
      }
      let other = version == .v3 ? "Upload-Complete" : "Upload-Incomplete"
      #expect(try !fields([number, (other, "?1")]).isCreation)
      #expect(try !fields([number, (version.completenessField, "1")]).isCreation)
    }
    #expect(DraftVersion.v3.completeness(true) == "?0" && DraftVersion.v8.completeness(true) == "?1")
    // Without a version there is no resumable creation.
    #expect(try !fields([("Upload-Complete", "?1")]).isCreation)
    #expect(try fields([("Upload-Complete", "?1")]).isComplete == true)
  }

  @Test("What differs between the versions")
  func differences() {
    #expect(DraftVersion.allCases.filter(\.namesMediaType) == [.v6, .v7, .v8])
    #expect(DraftVersion.allCases.filter(\.missingMeansComplete) == [.v3, .v5, .v6])
    #expect(DraftVersion.allCases.filter(\.refusesStrayFields) == [.v3])
    #expect(DraftVersion.allCases.filter(\.appendedIsCreated) == [.v3, .v4, .v5, .v6])
    #expect(DraftVersion.allCases.filter(\.takesProgress) == [.v5, .v6, .v7, .v8])
    #expect(DraftVersion.allCases.filter { $0.ageKey == "expires" } == [.v6])
  }

  @Test("Negative and overlong numbers count as absent")
  func numbers() throws {
    for text in ["-1", "1000000000000000", "1.0", "x"] {
      #expect(try fields([("Upload-Length", text), ("Upload-Offset", text)]).length == nil)
      #expect(try fields([("Upload-Length", text), ("Upload-Offset", text)]).offset == nil)
    }
    #expect(try fields([("Upload-Length", "5;a")]).length == 5)
  }

  @Test("The whole length comes from its field, or from the end of the last body; both must agree")
  func lengths() throws {
    let none = try fields([])
    let ten = try fields([("Upload-Length", "10")])
    #expect(try none.wholeLength(from: 4, body: 6, isLast: true) == 10)
    #expect(try none.wholeLength(from: 4, body: 6, isLast: false) == nil)
    #expect(try none.wholeLength(from: 4, body: nil, isLast: true) == nil)
    #expect(try ten.wholeLength(from: 4, body: 6, isLast: true) == 10)
    #expect(try ten.wholeLength(from: 4, body: 3, isLast: false) == 10)
    #expect(try ten.wholeLength(from: 4, body: nil, isLast: true) == 10)
    for (start, count, isLast) in [(4, 5, true), (4, 7, true), (4, 7, false)] as [(Int64, Int64, Bool)] {
      #expect(throws: BackupError.inconsistentLength) { try ten.wholeLength(from: start, body: count, isLast: isLast) }
    }
    #expect(throws: BackupError.inconsistentLength) { try none.wholeLength(from: .max, body: 1, isLast: true) }
  }

  @Test("Digests: SHA-1 and SHA-256 are read, others passed over, one of the wrong size refused")
  func digests() throws {
    let sha1 = [UInt8](repeating: 7, count: 20)
    let sha256 = [UInt8](repeating: 8, count: 32)
    func digest(_ text: String) throws -> DigestField {
      try DigestField("Repr-Digest", try makeRequest(.post, "/", [("Repr-Digest", text)]))
    }
    let both = try digest("sha=:\(Base64.encode(sha1)):, sha-256=:\(Base64.encode(sha256)):, md5=:AA==:")
    #expect(both.sha1?.bytes == sha1 && both.sha256 == sha256)
    #expect(both.claim == PartClaim(.sha256, sha256))
    #expect(try digest("sha=:\(Base64.encode(sha1)):").claim == PartClaim(.sha1, sha1))
    #expect(try digest("md5=:AA==:").claim == nil)
    #expect(try digest("sha=broken,").claim == nil)
    #expect(throws: ValidationFailure.self) { try digest("sha=:AA==:") }
    #expect(throws: ValidationFailure.self) { try digest("sha-256=:\(Base64.encode(sha1)):") }
  }

  @Test("Progress is told once a second or every 16 MiB, never twice for the same offset, and at most 500 times")
  func progress() {
    let start = MonotonicTime.now()
    var progress = DraftProgress()
    let steps: [(durable: Int64, seconds: Double, isDue: Bool)] = [
      (0, 60, false), (1 << 20, 0, false), (16 << 20, 0, true), (17 << 20, 0.5, false), (17 << 20, 1.1, true),
      (17 << 20, 9, false),
    ]
    for step in steps {
      let isDue = progress.isDue(step.durable, start.adding(seconds: step.seconds))
      #expect(isDue == step.isDue, "\(step)")
    }
    var told = 2
    for step in 2..<2000 where progress.isDue(Int64(step) << 25, start.adding(seconds: Double(step) * 2)) { told += 1 }
    #expect(told == DraftProgress.most)
  }
}
