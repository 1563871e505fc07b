// FoundationEssentials has no normalization on Linux; the standard library's own, which compares strings, is not public.
@_spi(_Unicode) import Swift

extension String {
  /// In normalization form D: canonically equal strings become the same scalars.
  var decomposed: String {
    // ASCII is that already.
    if utf8.allSatisfy({ $0 < 0x80 }) { return self }
    var scalars = UnicodeScalarView()
    scalars.append(contentsOf: _nfd)
    return String(scalars)
  }
}
