import Ground
import Logging
import Store
import Synchronization

/// An asset whose pictures have just been made for the first time, as the sync stream would tell of it.
package struct ReadyAsset: Sendable {
  package let owner: Identifier
  package let asset: SyncAsset
  package let facts: SyncFacts
}

/// Tells whoever listens that a new photo can be shown. A hint, not a record: what nobody hears is in the sync stream all
/// the same, and a failure to tell harms no job.
package final class ReadyAssets: Sendable {
  package typealias Listener = @Sendable (ReadyAsset) async -> Void

  private let listeners = Mutex<[Listener]>([])
  private let catalog: Catalog
  private let logger: Logger

  init(catalog: Catalog, logger: Logger) { (self.catalog, self.logger) = (catalog, logger) }

  /// Calls the listener for every asset from now on, for as long as the process lives. It runs on a worker's lane, and
  /// the worker waits for it.
  package func listen(_ listener: @escaping Listener) { listeners.withLock { $0.append(listener) } }

  func announce(_ asset: Identifier) async {
    let all = listeners.withLock { $0 }
    guard !all.isEmpty else { return }
    do {
      guard let row = try await catalog.readyAsset(asset) else { return }
      let ready = ReadyAsset(owner: row.asset.owner, asset: row.asset, facts: row.facts)
      for listener in all { await listener(ready) }
    } catch {
      logger.warning("nobody was told of a new photo: \(error)")
    }
  }
}
