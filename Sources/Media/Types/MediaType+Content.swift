extension MediaType {
  /// What a file is by its first bytes (4 KiB suffice), and the usual extension with its dot; nil for what is no supported
  /// photo or video. Text is never one, so SVG is known by its name alone; Cineon, DxO and other formats without a mark of
  /// their own are too.
  package static func sniff(_ head: some Collection<UInt8>) -> (type: MediaType, suffix: String)? {
    let head = FileHead(head)
    guard let suffix = imageSuffix(head) ?? isoSuffix(head) ?? videoSuffix(head),
      let type = MediaType(fileName: suffix.utf8)
    else { return nil }
    return (type, suffix)
  }

  /// Whether a file may be of this type, by its name, where `sniff` found the other: formats that begin alike cannot be
  /// told apart by their first bytes, and the name is believed then.
  package func isCompatible(with found: MediaType) -> Bool {
    if self == found { return true }
    guard kind == found.kind else { return false }
    return MediaType.lookalikes.contains { $0.contains(mimeType) && $0.contains(found.mimeType) }
  }

  /// Whether files of this type are text.
  package var isText: Bool { mimeType == "image/svg+xml" }

  /// Whether a file whose first bytes `sniff` does not know can be of this type: no text is a photo but a drawing, and
  /// archives and documents are none either.
  package func mayBegin(with head: some Collection<UInt8>) -> Bool {
    let head = FileHead(head)
    if head.isText(0..<64) { return isText }
    return !head.has("PK\u{3}\u{4}") && !head.has("%PDF-") && !head.has("\u{7F}ELF")
  }

  private static let lookalikes: [Set<String>] = [
    // Raw formats are TIFF files with some more or less private tags.
    Set(imageExtensions.compactMap { MediaType(fileName: $0.utf8)?.mimeType }.filter { $0.hasPrefix("image/x-") })
      .subtracting([
        "image/x-canon-cr3", "image/x-canon-crw", "image/x-fuji-raf", "image/x-minolta-mrw", "image/x-sigma-x3f",
      ])
      .union(["image/tiff"]),
    ["image/heic", "image/heif", "image/hif"],
    ["video/mp4", "video/quicktime", "video/x-m4v", "video/3gpp"],
    ["video/x-matroska", "video/webm"],
  ]

  private static func imageSuffix(_ head: FileHead) -> String? {
    if head.has([0xFF, 0xD8, 0xFF]) { return ".jpg" }
    if head.has([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return ".png" }
    if head.has("GIF87a") || head.has("GIF89a") { return ".gif" }
    if head.has("RIFF"), head.has("WEBP", at: 8) { return ".webp" }
    if isBitmap(head) { return ".bmp" }
    if head.has("8BPS\0\u{1}") || head.has("8BPS\0\u{2}") { return ".psd" }
    // ISO 15444-1 and 18181-2: a box of 12 bytes that transfers in text mode would damage.
    if head.has([0, 0, 0, 12]), head.has([0x0D, 0x0A, 0x87, 0x0A], at: 8) {
      if head.has("jP  ", at: 4) { return ".jp2" }
      if head.has("JXL ", at: 4) { return ".jxl" }
    }
    // A bare JPEG XL codestream; 0xFF begins no UTF-8, and 0x0A no byte order mark.
    if head.has([0xFF, 0x0A]), head.bytes.count >= 12, !head.isText(2..<12),
      head.bytes[2..<12].contains(where: { $0 != 0 })
    {
      return ".jxl"
    }
    if head.has("FUJIFILMCCD-RAW ") { return ".raf" }
    if head.has([0x49, 0x49, 0x1A, 0, 0, 0]), head.has("HEAPCCDR", at: 6) { return ".crw" }
    if head.has("\0MRM") { return ".mrw" }
    if head.has("FOVb"), !head.isText(4..<8) { return ".x3f" }
    if head.has([0x41, 0x52, 0x52, 0x49, 0x12, 0x34, 0x56, 0x78]) { return ".ari" }
    return TIFFHead(head)?.suffix
  }

  /// "BM" begins many a text: the fields behind it must be a bitmap's.
  private static func isBitmap(_ head: FileHead) -> Bool {
    guard head.has("BM"), head.has([0, 0, 0, 0], at: 6), let pixels = head.number(4, at: 10, isLittle: true),
      let size = head.number(4, at: 14, isLittle: true)
    else { return false }
    return [12, 16, 40, 52, 56, 64, 108, 124].contains(size) && pixels >= 14 + size && pixels < 1 << 20
  }

  private static func videoSuffix(_ head: FileHead) -> String? {
    if head.has("RIFF"), head.has("AVI ", at: 8) { return ".avi" }
    if head.has([0x1A, 0x45, 0xDF, 0xA3]) { return matroskaSuffix(head) }
    if head.has("FLV\u{1}"), head.has([0, 0, 0, 9], at: 5) { return ".flv" }
    if isASFVideo(head) { return ".wmv" }
    // SMPTE 377: the key of a header partition pack, as far as the byte for its version.
    if head.has([0x06, 0x0E, 0x2B, 0x34, 0x02, 0x05, 0x01]), head.has([0x0D, 0x01, 0x02, 0x01, 0x01, 0x02], at: 8) {
      return ".mxf"
    }
    if isProgramStream(head) { return ".mpg" }
    if isTransportStream(head, first: 0, packet: 188) { return ".ts" }
    // AVCHD: every packet has a time stamp of four bytes in front.
    if isTransportStream(head, first: 4, packet: 192) { return ".mts" }
    return nil
  }

  /// The DocType element (0x4282) says which; what else is in EBML is neither.
  private static func matroskaSuffix(_ head: FileHead) -> String? {
    for offset in 4..<min(head.bytes.count, 128) where head.has([0x42, 0x82], at: offset) {
      if head.has("webm", at: offset + 3) { return ".webm" }
      if head.has("matroska", at: offset + 3) { return ".mkv" }
    }
    return nil
  }

  private static func isASFVideo(_ head: FileHead) -> Bool {
    let asf: [UInt8] = [
      0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, 0xA6, 0xD9, 0x00, 0xAA, 0x00, 0x62, 0xCE, 0x6C,
    ]
    let video: [UInt8] = [
      0xC0, 0xEF, 0x19, 0xBC, 0x4D, 0x5B, 0xCF, 0x11, 0xA8, 0xFD, 0x00, 0x80, 0x5F, 0x5C, 0x44, 0x2B,
    ]
    guard head.has(asf), let size = head.number(8, at: 16, isLittle: true) else { return false }
    // WMA is the same but for its streams: music is refused where the whole header is here and knows no video.
    return size > UInt64(head.bytes.count) || head.contains(video)
  }

  /// ISO 13818-1 or 11172-1: a pack header, and the marker bits behind it; or a bare sequence of MPEG video.
  private static func isProgramStream(_ head: FileHead) -> Bool {
    if head.has([0, 0, 1, 0xBA]), let next = head.byte(4) { return next & 0xC4 == 0x44 || next & 0xF1 == 0x21 }
    guard head.has([0, 0, 1, 0xB3]), let size = head.number(3, at: 4, isLittle: false) else { return false }
    // Twelve bits each.
    return size >> 12 > 0 && size & 0xFFF > 0
  }

  /// Sync bytes at a packet's distance, at least three; every packet has a payload or an adaptation field.
  private static func isTransportStream(_ head: FileHead, first: Int, packet: Int) -> Bool {
    let starts = stride(from: first, to: head.bytes.count - 3, by: packet)
    return starts.underestimatedCount >= 3
      && starts.allSatisfy { head.bytes[$0] == 0x47 && head.bytes[$0 + 3] & 0x30 != 0 } && !head.isText(0..<packet)
  }
}
