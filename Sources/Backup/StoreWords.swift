import Store

/// Runs `body` and says in the product's words what a client can be told of the store's failures; the rest passes as it
/// is, for the log and a 500.
func speaking<T>(_ body: () async throws -> T) async throws -> T {
  do { return try await body() } catch StoreError.diskFull { throw BackupError.diskFull } catch let error as FinishError
  {
    switch error {
    case .quotaExceeded: throw BackupError.quotaExceeded
    case .ownerGone: throw BackupError.authenticationRequired
    // Whether it is unknown or somebody else's stays the owner's secret.
    case .liveVideoNotFound: throw BackupError.invalid("Live photo video not found")
    case .unavailable(let reason): throw BackupError.unavailable(reason)
    case .timeOutOfRange: throw BackupError.invalid("The date must lie in the years 1 to 9999")
    case .liveVideoIsNoVideo: throw BackupError.invalid("Live photo video must be a video")
    }
  }
}
