import Ground

/// The pictures that are made of an asset.
package enum PictureSize: String, Sendable, CaseIterable { case thumbnail, preview }

/// One of them, open.
package struct Picture: Sendable {
  package let file: Descriptor
  /// Bytes.
  package let size: Int64
  package let mimeType: String
  /// Differs where the bytes do; plain ASCII without quotation marks.
  package let version: String

  package init(file: Descriptor, size: Int64, mimeType: String, version: String) {
    (self.file, self.size, self.mimeType, self.version) = (file, size, mimeType, version)
  }
}

/// Where pictures come from.
package protocol PictureSource: Sendable {
  /// Nil where there is none, or none yet. Opens a file: called on a lane.
  func picture(of asset: Asset, _ size: PictureSize) async throws -> Picture?
}
