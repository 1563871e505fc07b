/// ISO base media files (ISO 14496-12), which HEIF, AVIF, CR3, MP4, QuickTime and 3GPP all are: the brands tell them apart.
extension MediaType {
  static func isoSuffix(_ head: FileHead) -> String? {
    guard head.has("ftyp", at: 4) else { return isOldQuickTime(head) ? ".mov" : nil }
    guard let size = head.number(4, at: 0, isLittle: false), size >= 16, size < 4096 else { return nil }
    // The major brand, then, behind its version, the compatible ones.
    let others = stride(from: 16, to: min(Int(size), head.bytes.count) - 3, by: 4)
    let brands = ([8] + Array(others)).map { String(decoding: head.bytes.dropFirst($0).prefix(4), as: UTF8.self) }
    // `mif1` says "a picture in HEIF" and nothing of its coding, so more exact brands are asked first, whatever their place.
    if brands.contains("crx ") { return ".cr3" }
    if let major = brands.first, let suffix = isoSuffix(brand: major) { return suffix }
    let known = brands.compactMap(isoSuffix(brand:))
    if known.contains(".avif") { return ".avif" }
    if known.contains(".heic") { return ".heic" }
    if brands.contains(where: generalPictures.contains) { return ".heif" }
    // Music and talking books name video brands as compatible too.
    if let major = brands.first, ["M4A ", "M4B ", "M4P ", "F4A ", "F4B ", "aax ", "aaxc"].contains(major) {
      return nil
    }
    return known.first
  }

  private static let generalPictures: Set<String> = [
    "mif1", "mif2", "msf1", "miaf", "MiHB", "MiHE", "MiHA", "avci", "avcs",
  ]

  private static func isoSuffix(brand: String) -> String? {
    switch brand {
    case "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs": ".heic"
    case "avif", "avis": ".avif"
    case "qt  ": ".mov"
    case "M4V ", "M4VH", "M4VP": ".m4v"
    case "isom", "avc1", "mp41", "mp42", "mp71", "mmp4", "MSNV", "XAVC", "dash", "F4V ", "f4v ", "cmfc", "CAEP", "niko":
      ".mp4"
    case _ where brand.hasPrefix("3g"): ".3gp"
    case _ where brand.hasPrefix("iso"): ".mp4"
    case _ where brand.hasPrefix("NDX") || brand.hasPrefix("NDS"): ".mp4"
    default: nil
    }
  }

  /// QuickTime files from before the brands begin with a box of the movie at once, or with padding in front of one.
  private static func isOldQuickTime(_ head: FileHead) -> Bool {
    var offset = 0
    for _ in 0..<4 {
      guard let size = head.number(4, at: offset, isLittle: false), !head.isText(offset..<offset + 4) else {
        return false
      }
      if head.has("moov", at: offset + 4) {
        return ["mvhd", "cmov", "iods"].contains { head.has($0, at: offset + 12) } && size > 16
      }
      if head.has("mdat", at: offset + 4) { return size <= 1 || size >= 8 }
      guard ["wide", "free", "skip", "pnot"].contains(where: { head.has($0, at: offset + 4) }),
        (8...2048).contains(size)
      else { return false }
      offset += Int(size)
    }
    return false
  }
}
