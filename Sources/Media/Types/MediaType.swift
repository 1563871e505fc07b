/// What a file is by its name, as Immich decides it: the extension alone.
package struct MediaType: Sendable, Equatable {
  package let kind: MediaKind
  /// Such as `image/jpeg`.
  package let mimeType: String

  /// Nil where the extension is not that of a supported photo or video. An extension-only name such as `.jpg` counts.
  package init?(fileName: some Collection<UInt8>) {
    guard let suffix = MediaType.suffix(of: fileName) else { return nil }
    if let mimeType = MediaType.images[suffix] {
      (kind, self.mimeType) = (.image, mimeType)
    } else if let mimeType = MediaType.videos[suffix] {
      (kind, self.mimeType) = (.video, mimeType)
    } else {
      return nil
    }
  }

  /// Whether a name is that of a sidecar: metadata that lies beside a photo.
  package static func isSidecar(fileName: some Collection<UInt8>) -> Bool {
    suffix(of: fileName).map(sidecars.contains) ?? false
  }

  /// The last dot and what follows it, in lower case; nil without a dot, or for what is too long to be in a table.
  private static func suffix(of name: some Collection<UInt8>) -> String? {
    let tail = name.suffix(8)
    var lastDot: Int?
    var units: [UInt8] = []
    for unit in tail {
      if unit == UInt8(ascii: ".") { lastDot = units.count }
      units.append((0x41...0x5A).contains(unit) ? unit | 0x20 : unit)
    }
    return lastDot.map { String(decoding: units[$0...], as: UTF8.self) }
  }

  /// The usual extension of a type with its dot; empty for one that is not supported.
  static func suffix(forMimeType mimeType: String) -> String {
    switch mimeType {
    case "image/jpeg": ".jpg"
    case "image/tiff": ".tif"
    case "video/mp4": ".mp4"
    case "video/3gpp": ".3gp"
    case "video/mp2t": ".mts"
    case "video/mpeg": ".mpg"
    default:
      images.first { $0.value == mimeType }?.key ?? videos.first { $0.value == mimeType }?.key ?? ""
    }
  }

  /// A camera's own format, of which the preview inside is shown.
  var isRaw: Bool { mimeType.hasPrefix("image/x-") }

  /// Extensions of photos, sorted, with their dot; likewise below.
  package static let imageExtensions = images.keys.sorted()
  package static let videoExtensions = videos.keys.sorted()
  package static let sidecarExtensions = sidecars.sorted()

  private static let sidecars: Set<String> = [".xmp"]

  // Raw formats have no registered types; `image/x-<maker>-<extension>` is what common desktops use.
  private static let images: [String: String] = [
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".jpe": "image/jpeg", ".insp": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif", ".bmp": "image/bmp", ".svg": "image/svg+xml",
    ".heic": "image/heic", ".heif": "image/heif", ".hif": "image/hif", ".avif": "image/avif",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".jxl": "image/jxl", ".jp2": "image/jp2",
    ".psd": "image/vnd.adobe.photoshop",
    ".3fr": "image/x-hasselblad-3fr", ".ari": "image/x-arriflex-ari", ".arw": "image/x-sony-arw",
    ".cap": "image/x-phaseone-cap", ".cin": "image/x-phantom-cin", ".cr2": "image/x-canon-cr2",
    ".cr3": "image/x-canon-cr3", ".crw": "image/x-canon-crw", ".dcr": "image/x-kodak-dcr",
    ".dng": "image/x-adobe-dng", ".dxo": "image/x-dxo-dxo", ".erf": "image/x-epson-erf",
    ".fff": "image/x-hasselblad-fff", ".iiq": "image/x-phaseone-iiq", ".k25": "image/x-kodak-k25",
    ".kdc": "image/x-kodak-kdc", ".mef": "image/x-mamiya-mef", ".mos": "image/x-leaf-mos",
    ".mrw": "image/x-minolta-mrw", ".nef": "image/x-nikon-nef", ".nrw": "image/x-nikon-nrw",
    ".orf": "image/x-olympus-orf", ".ori": "image/x-olympus-ori", ".pef": "image/x-pentax-pef",
    ".raf": "image/x-fuji-raf", ".raw": "image/x-panasonic-raw", ".rw2": "image/x-panasonic-rw2",
    ".rwl": "image/x-leica-rwl", ".sr2": "image/x-sony-sr2", ".srf": "image/x-sony-srf",
    ".srw": "image/x-samsung-srw", ".x3f": "image/x-sigma-x3f",
  ]

  private static let videos: [String: String] = [
    ".3gp": "video/3gpp", ".3gpp": "video/3gpp", ".avi": "video/x-msvideo", ".flv": "video/x-flv",
    ".insv": "video/mp4", ".m2t": "video/mp2t", ".m2ts": "video/mp2t", ".mts": "video/mp2t", ".ts": "video/mp2t",
    ".m4v": "video/x-m4v", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp4": "video/mp4",
    ".mpe": "video/mpeg", ".mpeg": "video/mpeg", ".mpg": "video/mpeg", ".vob": "video/mpeg", ".mxf": "application/mxf",
    ".webm": "video/webm", ".wmv": "video/x-ms-wmv",
  ]
}
