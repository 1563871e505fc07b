import Crypto
import Ground
import Outbound

/// What a browser or a UnifiedPush distributor gave an app (RFC 8030, 8291).
package struct WebPushSubscription: Sendable, Equatable {
  package let endpoint: String
  /// The app's public key, an uncompressed point on P-256: 65 bytes.
  package let key: [UInt8]
  /// The app's secret: 16 bytes.
  package let secret: [UInt8]

  /// Nil where a key is no point of the curve, or a length is wrong.
  package init?(endpoint: String, key: [UInt8], secret: [UInt8]) {
    guard secret.count == 16, (try? P256.KeyAgreement.PublicKey(x963Representation: key)) != nil else { return nil }
    (self.endpoint, self.key, self.secret) = (endpoint, key, secret)
  }

  /// As the catalog keeps it, checked when it came.
  package init(storedEndpoint: String, key: [UInt8], secret: [UInt8]) {
    (endpoint, self.key, self.secret) = (storedEndpoint, key, secret)
  }
}
