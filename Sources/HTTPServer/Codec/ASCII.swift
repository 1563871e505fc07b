/// Whether a field's value is `token`, in ASCII's upper or lower case. Unicode's case rules have no place in HTTP: they
/// turn U+212A into `k`, and `chunKed` with it into a coding that the proxy in front did not see.
func isToken(_ value: some StringProtocol, _ token: StaticString) -> Bool {
  token.withUTF8Buffer { wanted in
    let units = value.utf8
    guard units.count == wanted.count else { return false }
    return zip(units, wanted).allSatisfy { lowered($0) == $1 }
  }
}

@inline(__always)
func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
