import Ground
import Logging
import Store

/// The product's use cases over one data directory. Everything above speaks to storage through here.
package final class Backup: Sendable {
  package struct Options: Sendable {
    /// The data directory; made on first use, refused where its marker is missing (see design: `.nightstand`).
    package var dataFolder: String
    /// The folder with the numbered SQL files.
    package var migrationsFolder: String
    /// Bytes of free space that uploads may not touch, so that the catalog can always write. 512 MiB by default.
    package var reserve: Int64 = 512 << 20

    package init(dataFolder: String, migrationsFolder: String) {
      (self.dataFolder, self.migrationsFolder) = (dataFolder, migrationsFolder)
    }
  }

  package let accounts: Accounts
  package let assets: Assets
  package let albums: Albums
  package let desk: ReceiveDesk

  /// Opens the catalog, migrates it, and finishes or undoes what a crash left half done.
  package init(_ options: Options, logger: Logger) async throws { fatalError("to be written") }

  /// Free and total bytes of the disk that holds the originals.
  package func space() throws -> (free: Int64, total: Int64) { fatalError("to be written") }

  /// Lets running commits finish and closes the catalog.
  package func close() async { fatalError("to be written") }
}
