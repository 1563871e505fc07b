import Backup
import Ground
import HTTPServer
import HTTPTypes

/// `/api/server`, and what proxies, containers and the app's first look ask for.
struct ServerHandlers: Sendable {
  let backup: Backup
  let version: String

  /// The version of Immich whose interface this is. Below 3 ImmichFrame refuses to start and the app falls back to old
  /// messages; above 3.1 newer apps would ask for messages that do not exist here.
  static let immichVersion = ClientVersions.immich

  /// The process runs. Answers even where the disk does not.
  func health(_ request: Request) async throws -> Response { .json(["status": "ok"]) }

  /// The catalog can be read.
  func readiness(_ request: Request) async throws -> Response {
    guard backup.isReady else { throw NotReady(cause: BackupError.unavailable("uploads are refused until a restart")) }
    do { _ = try await backup.accounts.isInitialized() } catch { throw NotReady(cause: error) }
    return .json(["status": "ready"])
  }

  /// Without it the app forgets the `/api` behind the address that it was given.
  func wellKnown(_ request: Request) async throws -> Response { .json(["api": ["endpoint": "/api"]]) }

  func ping(_ request: Request) async throws -> Response { ServerHandlers.pong }

  /// Made once: this is asked more often than anything else.
  private static let pong = Response.json(bytes: Array(#"{"res":"pong"}"#.utf8))

  func versionNumbers(_ request: Request) async throws -> Response { .json(VersionShape()) }

  func versionHistory(_ request: Request) async throws -> Response { .json([String]()) }

  func features(_ request: Request) async throws -> Response { .json(FeaturesShape()) }

  func config(_ request: Request) async throws -> Response {
    .json(ConfigShape(isInitialized: try await backup.accounts.isInitialized(), limits: backup.trash.limits))
  }

  func mediaTypes(_ request: Request) async throws -> Response { .json(MediaTypesShape()) }

  func about(_ request: Request, _ principal: Principal) async throws -> Response {
    .json(AboutShape(build: version))
  }

  func storage(_ request: Request, _ principal: Principal) async throws -> Response {
    // A disk that hangs must not hold up the connection's queue.
    let (free, total) = try await backup.desk.lane().run { try backup.space() }
    return .json(StorageShape(free: free, total: total))
  }

  func versionCheck(_ request: Request, _ principal: Principal) async throws -> Response { .json(VersionCheckShape()) }

  func statistics(_ request: Request, _ principal: Principal) async throws -> Response {
    var people: [StatisticsShape.Person] = []
    for user in try await backup.accounts.list() {
      people.append(.init(user, try await backup.assets.usage(owner: user.id)))
    }
    return .json(StatisticsShape(people))
  }
}
