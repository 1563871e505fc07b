import Ground
import Testing

@testable import Store

@Suite struct SafeNameTests {
  @Test(arguments: [
    ("IMG_0001.JPG", "IMG_0001.JPG"), ("Süß 東京.heic", "Süß 東京.heic"), ("my%20photo.jpg", "my%20photo.jpg"),
    ("../../etc/passwd", "_._etc_passwd"), ("a/b\\c.jpg", "a_b_c.jpg"), ("..", "unnamed"), (".", "unnamed"),
    ("", "unnamed"), (".jpg", "unnamed.jpg"), ("...hidden.jpg", "hidden.jpg"), ("a\0b\n.jpg", "a_b_.jpg"),
    ("nul.jpg", "_nul.jpg"), ("COM1", "_COM1"), ("con.a.jpg", "_con.a.jpg"), ("console.jpg", "console.jpg"),
    ("a.jpg. .", "a.jpg"), (" a .jpg ", "a.jpg"), ("SHA1SUMS", "_SHA1SUMS"), ("sha1sums.NEW", "_sha1sums.NEW"),
    ("a:b*c?.jpg", "a_b_c_.jpg"), ("evil\u{202E}gpj.exe.jpg", "evil_gpj.exe.jpg"),
  ])
  func knownNames(from: String, to: String) { #expect(SafeName.make(from.utf8) == to) }

  @Test func invalidUTF8IsReplaced() {
    #expect(SafeName.make([0x61, 0xFF, 0x2E, 0x6A, 0x70, 0x67]) == "a\u{FFFD}.jpg")
  }

  @Test func longNamesKeepTheirExtension() {
    let name = SafeName.make((String(repeating: "ü", count: 300) + ".jpeg").utf8)
    #expect(name.utf8.count <= SafeName.limit && name.utf8.count > SafeName.limit - 3)
    #expect(name.hasSuffix("ü.jpeg"))
  }

  @Test func numbersGoBeforeTheExtension() {
    #expect(SafeName.numbered("a.b.jpg", 12) == "a.b+12.jpg")
    #expect(SafeName.numbered("noext", 1) == "noext+1")
    #expect(SafeName.numbered("a.jpg", 0) == "a.jpg")
  }

  /// Whatever bytes come, the result is one component that Linux, Windows and macOS take, with a number
  /// and a sidecar's extension too.
  @Test func anyBytesBecomeOneSafeComponent() {
    var random = SystemRandomNumberGenerator()
    let nasty = Array("./\\ \0\n:~*?\"<>|.CONnul.SHA1SUMS.jpg\u{202E}ü\u{FEFF}".utf8) + [0xFF, 0xC0, 0xED, 0xA0]
    for _ in 0..<5_000 {
      let length = Int.random(in: 0...(Bool.random() ? 12 : 400), using: &random)
      let bytes = (0..<length).map { _ in
        Bool.random(using: &random) ? nasty.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
      }
      let name = SafeName.make(bytes)
      let isSafe =
        SafeName.isComponent(name) && name.utf8.count <= SafeName.limit && name.utf8.first != 0x2E
        && name.utf8.last != 0x2E
        && name.unicodeScalars.last?.properties.isWhitespace == false && name.lowercased() != "sha1sums"
        && !name.utf8.contains { $0 < 0x20 || $0 == 0x7F || "/\\:*?\"<>|".utf8.contains($0) }
      #expect(isSafe, "\(bytes) became \(name)")
      let numbered = SafeName.numbered(name, 99_999)
      #expect(SafeName.isComponent(numbered + ".xmp") && numbered != name)
    }
  }

  @Test func placesIgnoreCase() {
    #expect(Originals.place(of: "a/2024/2024-01/IMG.JPG") == Originals.place(of: "a/2024/2024-01/img.jpg"))
    #expect(Originals.place(of: "a/Ü.jpg") == Originals.place(of: "a/ü.jpg"))
    #expect(Originals.place(of: "a/b.jpg") != Originals.place(of: "a/c.jpg"))
  }
}
