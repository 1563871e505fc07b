/// What the operator decides about the API.
package struct APIOptions: Sendable {
  /// The folder with the page's files; nil serves no page.
  package var publicFolder: String?
  /// Addresses of reverse proxies whose `X-Forwarded-…` fields are believed.
  package var trustedProxies: Set<String>
  /// Where people reach the server, such as `https://photos.example.org`, without a slash at its end; with it the addresses of
  /// uploads are absolute. Nil: relative, which survives every proxy but one that adds a path in front.
  package var publicURL: String?
  /// Nightstand's own version, such as `0.1.0`; clients are told Immich's, see `ServerHandlers.immichVersion`.
  package var version: String

  /// When 104 is sent.
  package var interim = InterimOptions()

  package init(publicFolder: String?, trustedProxies: Set<String>, version: String) {
    (self.publicFolder, self.trustedProxies, self.version) = (publicFolder, trustedProxies, version)
  }
}
