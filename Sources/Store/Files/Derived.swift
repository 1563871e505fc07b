import Glibc
import Ground

/// Pictures made from originals: `derived/<two hex>/<id>-thumbnail.webp`. All of it can be made again, so that nothing is
/// synced here; a name is only ever given to a whole file.
package final class Derived: Sendable {
  /// The end of a file's name, and the type of what is in it. WebP is made where the tools can; readers look for both.
  package enum Format: String, Sendable, CaseIterable {
    case webp, jpg

    package var mimeType: String { self == .webp ? "image/webp" : "image/jpeg" }
  }

  private let root: String
  /// Folders in which tools work lie here: on the same file system, so that a picture gets its name by a rename.
  package var workshop: String { "\(root)/work" }

  package init(root: String) { self.root = root }

  /// The open file; nil where there is none.
  /// - Parameter name: of the kind of picture, such as `thumbnail`.
  package func open(_ id: Identifier, _ name: String) throws -> (file: Descriptor, format: Format)? {
    for format in Format.allCases {
      do {
        return (try Descriptor(open: path(id, name, format), O_RDONLY | O_NOFOLLOW), format)
      } catch  where error.code == ENOENT { continue } catch { throw StoreError(error) }
    }
    return nil
  }

  /// Moves a whole picture in; one of the same name is replaced.
  package func moveIn(_ source: String, _ id: Identifier, _ name: String, _ format: Format) throws {
    do {
      try FileSystem.makeFolders(folder(id))
      for other in Format.allCases where other != format { try FileSystem.remove(path(id, name, other)) }
      try FileSystem.rename(source, path(id, name, format))
    } catch { throw StoreError.wrap(error) }
  }

  /// Removes every picture of an asset; nothing happens where there is none.
  package func remove(_ id: Identifier) throws {
    do {
      for name in ["thumbnail", "preview"] {
        for format in Format.allCases { try FileSystem.remove(path(id, name, format)) }
      }
    } catch { throw StoreError.wrap(error) }
  }

  /// The ids with a picture in one of the 256 folders.
  package func ids(inFolder number: UInt8) throws -> Set<Identifier> {
    do {
      return Set(try FileSystem.names(in: "\(root)/\(Hex.encode([number]))").compactMap { Identifier($0.prefix(36)) })
    } catch { throw StoreError.wrap(error) }
  }

  /// An empty folder for a tool to work in.
  package func makeWorkFolder() throws -> String {
    let path = "\(workshop)/\(Identifier())"
    do {
      try FileSystem.makeFolders(path, mode: 0o700)
      // Tools run in it, and know no other way to it.
      return try FileSystem.absolute(path)
    } catch { throw StoreError.wrap(error) }
  }

  /// Removes what a tool left in a folder of `makeWorkFolder`.
  package func emptyWorkFolder(_ path: String) throws {
    do {
      for name in try FileSystem.names(in: path) { try FileSystem.removeTree("\(path)/\(name)") }
    } catch { throw StoreError.wrap(error) }
  }

  /// What processes that were killed left behind; call it before the first tool runs.
  package func clearWorkshop() throws {
    do { try FileSystem.removeTree(workshop) } catch { throw StoreError.wrap(error) }
  }

  private func folder(_ id: Identifier) -> String { "\(root)/\(id.description.prefix(2))" }

  private func path(_ id: Identifier, _ name: String, _ format: Format) -> String {
    "\(folder(id))/\(id)-\(name).\(format.rawValue)"
  }
}
