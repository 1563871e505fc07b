import Testing

@testable import Ground

@Suite struct SHA1DigestTextTests {
  private func withoutCopies(_ text: [UInt8]) -> SHA1Digest? { SHA1Digest(text: text.span) }

  @Test("The reader without copies agrees with the plain one, also about what is no digest")
  func agreement() {
    for seed in 0..<500 {
      let bytes = (0..<20).map { UInt8(truncatingIfNeeded: (seed &* 2_654_435_761 &+ $0 &* 40_503) >> 7) }
      var texts = [Array(Hex.encode(bytes).utf8), Array(Base64.encode(bytes).utf8)]
      // Every last base64 digit: only those with two zero bits behind are right.
      texts.append(
        texts[1].dropLast(2) + [
          Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)[seed % 64], 0x3D,
        ])
      for position in [0, 7, 27] {
        for text in texts {
          var damaged = text
          damaged[position] = [0x7A, 0x3D, 0x20, 0xC3][seed % 4]
          texts.append(damaged)
        }
      }
      for text in texts {
        #expect(withoutCopies(text) == SHA1Digest(text: ArraySlice(text)))
      }
      #expect(withoutCopies(texts[0])?.bytes == bytes)
      #expect(withoutCopies(texts[1])?.bytes == bytes)
    }
  }
}
