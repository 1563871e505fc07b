import Synchronization

/// What of an upload is in originals.
enum Moved: Sendable {
  case nothing
  /// Not its sidecar, where it has one.
  case original
  case all
}

/// What could not be undone when an upload failed, on a full disk perhaps: the next batch tries again, and the
/// sweep every ten minutes, so that its bytes need not wait for a restart.
final class Leftovers: Sendable {
  enum Item: Sendable {
    case intent(Intent, Moved)
    /// Of a checksum list, whose files are gone.
    case lines(folder: String, names: Set<String>)
  }

  /// More are left to the next start.
  static let limit = 1024

  private let items = Mutex<[Item]>([])

  var isEmpty: Bool { items.withLock { $0.isEmpty } }

  /// Whether there was room.
  func add(_ item: Item) -> Bool {
    items.withLock { items in
      guard items.count < Leftovers.limit else { return false }
      items.append(item)
      return true
    }
  }

  /// Everything, which is the caller's now.
  func take() -> [Item] {
    items.withLock { items in
      defer { items = [] }
      return items
    }
  }
}
