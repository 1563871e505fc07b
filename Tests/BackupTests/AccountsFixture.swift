import Backup
import FoundationEssentials
import Ground
import Logging
import MigratedCatalog
import Store
import Synchronization

/// A real catalog in a folder of its own, which goes when the fixture goes, and a clock that moves only by hand.
final class AccountsFixture: Sendable {
  let folder: String
  let catalog: Catalog
  let accounts: Accounts
  let albums: Albums
  let time = HandClock()

  /// A cost that takes microseconds.
  static let cheap = PasswordCost(n: 16, r: 1, p: 1)

  init(cost: PasswordCost = cheap) async throws {
    folder = FileManager.default.temporaryDirectory.path + "/nightstand-accounts-\(Identifier())"
    try FileSystem.makeFolders(folder)
    try await MigratedCatalog.put(at: folder + "/nightstand.sqlite")
    catalog = try Catalog(path: folder + "/nightstand.sqlite")
    let time = time
    let clock = Accounts.Clock(monotonic: { time.monotonic }, wall: { time.wall })
    accounts = Accounts(catalog: catalog, logger: Logger(label: "test"), cost: cost, clock: clock)
    albums = Albums(catalog: catalog, now: { time.wall })
  }

  /// A second pair of eyes on the same file, as another process has.
  func otherProcess(cost: PasswordCost = cheap) throws -> Accounts {
    Accounts(catalog: try Catalog(path: catalog.path), logger: Logger(label: "other"), cost: cost)
  }

  /// Time goes by while the server runs, and keeps the hours in which it does.
  func pass(hours: Double) async throws {
    for _ in 0..<Int(hours) {
      time.advance(seconds: 3600)
      try await catalog.noteUp(time.wall)
    }
    time.advance(seconds: (hours - Double(Int(hours))) * 3600)
  }

  func addUser(_ name: String = "anna", isAdmin: Bool = false) async throws -> User {
    try await accounts.add(
      email: "\(name)@example.org", password: "correct \(name)", name: name, isAdmin: isAdmin, quota: nil)
  }

  func login(
    _ name: String = "anna", password: String? = nil, address: String = "192.0.2.1"
  ) async throws -> (user: User, session: Session, token: String) {
    try await accounts.login(
      email: "\(name)@example.org", password: password ?? "correct \(name)",
      device: LoginDevice(type: "Android", system: "Pixel", appVersion: "3.1.0"), address: address)
  }

  deinit {
    try? catalog.close()
    try? FileManager.default.removeItem(atPath: folder)
  }
}

/// Time that stands still until a test moves it.
final class HandClock: Sendable {
  private let milliseconds = Mutex(Int64(1_700_000_000_000))

  var wall: Instant { Instant(milliseconds: milliseconds.withLock { $0 }) }
  var monotonic: MonotonicTime { MonotonicTime(nanoseconds: UInt64(milliseconds.withLock { $0 }) * 1_000_000) }

  func advance(seconds: Double) { milliseconds.withLock { $0 += Int64(seconds * 1000) } }
}
