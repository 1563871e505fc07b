import Testing

@testable import Ground

@Suite("Digests whose state is kept, checksums of parts, base64")
struct DigestTests {
  private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
  }

  private func digest(_ bytes: [UInt8], resumedAt cuts: [Int]) -> (SHA1Digest, Int64) {
    var running = RunningSHA1()
    var start = 0
    for cut in cuts + [bytes.count] {
      bytes[start..<cut].withUnsafeBytes { running.update($0) }
      start = cut
      guard let again = RunningSHA1(state: running.state) else {
        Issue.record("its own state was refused at \(cut)")
        return (running.finish(), 0)
      }
      running = again
    }
    return (running.finish(), running.count)
  }

  @Test("SHA-1 goes on from a kept state after any count of bytes")
  func resumedSHA1() {
    let all = bytes(1000)
    let whole = digest(all, resumedAt: []).0
    for cut in 0...200 { #expect(digest(all, resumedAt: [cut]).0 == whole, "\(cut)") }
    #expect(digest(all, resumedAt: [1, 63, 64, 65, 127, 128, 500, 999]).0 == whole)
    #expect(digest([], resumedAt: []).0.hex == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
  }

  @Test("a copy goes its own way, and the state says how many bytes it stands for")
  func copiedSHA1() {
    let running = RunningSHA1()
    bytes(100).withUnsafeBytes { running.update($0) }
    let copy = running.copy()
    bytes(1).withUnsafeBytes { copy.update($0) }
    #expect(running.count == 100 && copy.count == 101)
    #expect(running.state.count == 28 + 36 && running.finish() != copy.finish())
  }

  @Test("the count of bytes goes beyond 32 bits and beyond 2^32 bits")
  func longSHA1() throws {
    for count in [1 << 29, 1 << 32, (1 << 32) + 64, 100 << 30] as [UInt64] {
      let state = [UInt8](repeating: 7, count: 20) + withUnsafeBytes(of: count.bigEndian) { Array($0) }
      let running = try #require(RunningSHA1(state: state))
      #expect(running.count == Int64(count) && running.state == state)
    }
  }

  @Test("what is no state is refused")
  func badStates() {
    let running = RunningSHA1()
    bytes(70).withUnsafeBytes { running.update($0) }
    let state = running.state
    #expect(RunningSHA1(state: []) == nil)
    #expect(RunningSHA1(state: state.dropLast()) == nil)
    #expect(RunningSHA1(state: state + [0]) == nil)
    #expect(RunningSHA1(state: [UInt8](repeating: 0xFF, count: 28 + 63)) == nil, "2^64 - 1 bytes")
  }

  @Test("checksums of parts agree with known values, in pieces too")
  func parts() {
    let expected: [(RunningDigest.Algorithm, String)] = [
      (.sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
      (.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"), (.crc32, "cbf43926"),
    ]
    for (algorithm, hex) in expected {
      let running = RunningDigest(algorithm)
      for piece in ["1234", "", "56789"] { Array(piece.utf8).withUnsafeBytes { running.update($0) } }
      #expect(Hex.encode(running.finish()) == hex)
    }
  }

  @Test("base64 of RFC 4648 section 10, there and back")
  func base64() {
    for (plain, text) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ] {
      #expect(Base64.encode(Array(plain.utf8)) == text)
      #expect(Base64.decode(text) == Array(plain.utf8))
      #expect(Base64URL.decode(text.filter { $0 != "=" }) == Array(plain.utf8))
    }
    for count in 0..<70 {
      let all = bytes(count)
      #expect(Base64.decode(Base64.encode(all)) == all && Base64URL.decode(Base64URL.encode(all)) == all)
    }
    #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8" && Base64.encode([0xFB, 0xFF]) == "+/8=")
  }

  @Test(
    "base64 that no encoder writes is refused",
    arguments: [
      "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", " Zg==", "Zm-v", "=", "==", "====", "Z===", "Zg==Zg==", "Zé==",
    ])
  func badBase64(text: String) { #expect(Base64.decode(text) == nil) }

  @Test(
    "base64url that no encoder writes is refused",
    arguments: ["Z", "Zh", "Zg==", "Zm9", "Zm+v", "Zm/v", "Zm9vZ"])
  func badBase64URL(text: String) { #expect(Base64URL.decode(text) == nil) }

  @Test("the boot has one name, which looks like one")
  func boot() { #expect(Identifier(ThisProcess.bootID) != nil && ThisProcess.bootID == ThisProcess.bootID) }
}
