import Media
import Testing

@Suite struct MediaTypeTests {
  @Test(arguments: [
    ("IMG_1.JPG", MediaKind.image, "image/jpeg"), ("a.b.heic", .image, "image/heic"), (".jpg", .image, "image/jpeg"),
    ("x.DNG", .image, "image/x-adobe-dng"), ("clip.MOV", .video, "video/quicktime"), ("v.3gpp", .video, "video/3gpp"),
    ("a/b.mts", .video, "video/mp2t"),
  ])
  func supported(name: String, kind: MediaKind, mimeType: String) throws {
    let type = try #require(MediaType(fileName: name.utf8))
    #expect(type.kind == kind && type.mimeType == mimeType)
  }

  @Test(arguments: ["", "jpg", "a.jpg.exe", "a.xmp", "a.", ".", "a.jpg ", "a.mov\0", "x.verylongextension"])
  func unsupported(name: String) { #expect(MediaType(fileName: name.utf8) == nil) }

  @Test func sidecars() {
    #expect(MediaType.isSidecar(fileName: "a.jpg.XMP".utf8) && !MediaType.isSidecar(fileName: "a.jpg".utf8))
  }

  @Test func listsAreSortedAndApart() {
    let lists = [MediaType.imageExtensions, MediaType.videoExtensions, MediaType.sidecarExtensions]
    #expect(lists.allSatisfy { $0 == $0.sorted() && $0.allSatisfy { $0.first == "." && $0 == $0.lowercased() } })
    #expect(Set(lists.joined()).count == lists.map(\.count).reduce(0, +))
  }
}
