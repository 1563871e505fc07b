import Crypto

/// RFC 8291: a message that only the app can read. One record of `aes128gcm` (RFC 8188).
enum ContentEncryption {
  /// Bytes of a body that every push service must take (RFC 8030 section 7.2), which is the record's size too.
  static let recordSize = 4096
  /// Bytes before the ciphertext: salt, size, length of the key, key.
  private static let headSize = 16 + 4 + 1 + 65
  /// Bytes of a message: what the head, the delimiter and the tag leave.
  static let longest = recordSize - headSize - 1 - 16

  /// - Parameters:
  ///   - padding: bytes to which a shorter message is filled, so that its length does not tell its kind.
  ///   - sender, salt: fresh for every message; fixed only by RFC 8291's example.
  /// - Throws: where the subscription's key is no point of the curve, or the message is too long.
  static func encrypt(
    _ message: [UInt8], for subscription: WebPushSubscription, padding: Int,
    sender: P256.KeyAgreement.PrivateKey = P256.KeyAgreement.PrivateKey(), salt: [UInt8]
  ) throws -> [UInt8] {
    guard message.count <= longest else { throw CryptoKitError.incorrectParameterSize }
    let theirs = try P256.KeyAgreement.PublicKey(x963Representation: subscription.key)
    let ours = Array(sender.publicKey.x963Representation)
    let shared = try sender.sharedSecretFromKeyAgreement(with: theirs)
    // Section 3.3 and 3.4: the app's secret makes a key of the agreement's result, the salt makes this message's keys of it.
    let material = shared.hkdfDerivedSymmetricKey(
      using: SHA256.self, salt: subscription.secret,
      sharedInfo: Array("WebPush: info\0".utf8) + subscription.key + ours, outputByteCount: 32)
    let secret = HKDF<SHA256>.extract(inputKeyMaterial: material, salt: salt)
    let key = HKDF<SHA256>.expand(
      pseudoRandomKey: secret, info: Array("Content-Encoding: aes128gcm\0".utf8), outputByteCount: 16)
    // As section 3.4 writes it: one block of HKDF's expansion.
    let nonce = HMAC<SHA256>.authenticationCode(
      for: Array("Content-Encoding: nonce\0".utf8) + [1], using: SymmetricKey(data: secret)
    ).prefix(12)
    // The delimiter of the last record, then zeros (RFC 8188 section 2).
    let fill = max(0, min(padding, longest) - message.count)
    let sealed = try AES.GCM.seal(
      message + [2] + [UInt8](repeating: 0, count: fill), using: key,
      nonce: AES.GCM.Nonce(data: Array(nonce)))
    let size = UInt32(recordSize)
    let head =
      salt + stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: size >> UInt32($0)) }
      + [UInt8(ours.count)] + ours
    return head + Array(sealed.ciphertext) + Array(sealed.tag)
  }
}
