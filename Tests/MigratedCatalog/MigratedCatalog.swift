import Foundation
import Ground
import Store

/// A catalog of the newest form that holds nothing: all migrations are applied once in a process of tests, and each test
/// copies the file.
public enum MigratedCatalog {
  /// The migrations as they are released.
  public static let migrationsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("migrations").path

  private static let bytes = Task {
    let folder = FileManager.default.temporaryDirectory.path + "/nightstand-" + Identifier().description
    try FileSystem.makeFolders(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let catalog = try Catalog(path: folder + "/nightstand.sqlite")
    try await Migrator(Migrations(folder: migrationsFolder)).migrate(catalog, backups: folder)
    try catalog.close()
    return try Data(contentsOf: URL(fileURLWithPath: catalog.path))
  }

  /// Makes a new data directory around it; nothing happens where there is one.
  public static func settle(in root: String) async throws {
    let directory = try DataDirectory(root, role: .server)
    try await put(at: directory.catalog)
  }

  /// Puts the file at `path`, unless there is one; no catalog may be open there.
  public static func put(at path: String) async throws {
    guard !FileManager.default.fileExists(atPath: path) else { return }
    try await bytes.value.write(to: URL(fileURLWithPath: path))
  }
}
