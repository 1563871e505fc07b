import Backup
import HTTPServer
import HTTPTypes
import Synchronization

/// `/api/jobs`: Immich's queues. immich-go pauses five of them before it uploads, and gives up where it cannot. Two of them
/// exist here; the others have nothing to do.
final class JobHandlers: Sendable {
  private let jobs: Jobs

  init(jobs: Jobs) { self.jobs = jobs }

  /// Queues that were told to pause. Most of them do not exist here: saying so back is all that can be done about them.
  private let paused = Mutex<Set<QueueName>>([])

  func list(_ request: Request, _ principal: Principal) async throws -> Response {
    var queues: [String: QueueShape] = [:]
    for name in QueueName.allCases { queues[name.rawValue] = try await shape(name) }
    return .json(queues)
  }

  private enum Command: String, Decodable {
    case start, pause, resume, empty
    case clearFailed = "clear-failed"
  }

  private struct Order: Decodable {
    let command: Command
    /// With `start`: everything once more, not just what failed.
    var force: Bool?
  }

  func command(_ request: Request, _ principal: Principal) async throws -> Response {
    guard let name = request.parameters["name"].flatMap(QueueName.init) else {
      throw ValidationFailure("name", "must be one of \(QueueName.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let order = try await request.json(Order.self)
    if let queue = name.queue {
      try await obey(order, queue, name)
    } else {
      switch order.command {
      case .pause: paused.withLock { _ = $0.insert(name) }
      case .resume: paused.withLock { _ = $0.remove(name) }
      // Nothing waits and nothing failed.
      case .empty, .clearFailed: break
      case .start:
        throw BackupError.invalid("\(name.rawValue) cannot be started: Nightstand has no such queue")
      }
    }
    return .json(try await shape(name))
  }

  private func obey(_ order: Order, _ queue: JobQueue, _ name: QueueName) async throws {
    switch order.command {
    case .pause: try await jobs.setPaused(queue, true)
    case .resume: try await jobs.setPaused(queue, false)
    case .start: _ = try await order.force == true ? jobs.repeatAll(queue) : jobs.retryFailed(queue)
    case .clearFailed: _ = try await jobs.forgetFailed(queue)
    case .empty:
      throw BackupError.invalid("\(name.rawValue) cannot be emptied: photos would stay without their pictures")
    }
  }

  private func shape(_ name: QueueName) async throws -> QueueShape {
    guard let queue = name.queue else {
      return QueueShape(counts: .init(), isPaused: paused.withLock { $0.contains(name) })
    }
    let counts = try await jobs.counts(of: queue)
    var shown = QueueShape.Counts()
    (shown.active, shown.completed, shown.failed) = (counts.active, counts.completed, counts.failed)
    shown.delayed = counts.delayed
    // As in Immich, what waits in a paused queue counts as paused.
    if counts.isPaused { shown.paused = counts.waiting } else { shown.waiting = counts.waiting }
    return QueueShape(counts: shown, isPaused: counts.isPaused)
  }
}

/// Immich's names.
enum QueueName: String, CaseIterable {
  case thumbnailGeneration, metadataExtraction, videoConversion, faceDetection, facialRecognition, smartSearch,
    duplicateDetection, backgroundTask, storageTemplateMigration, migration, search, sidecar, library, notifications,
    backupDatabase, ocr, workflow, integrityCheck, editor

  /// The one of ours; nil where Nightstand has no such work.
  var queue: JobQueue? {
    switch self {
    case .metadataExtraction: .facts
    case .thumbnailGeneration: .pictures
    default: nil
    }
  }
}

/// Immich's `QueueResponseLegacyDto`.
struct QueueShape: Encodable {
  struct Counts: Encodable {
    var active = 0
    var completed = 0
    var failed = 0
    var delayed = 0
    var waiting = 0
    var paused = 0
  }

  struct Status: Encodable {
    let isActive: Bool
    let isPaused: Bool
  }

  let jobCounts: Counts
  let queueStatus: Status

  init(counts: Counts, isPaused: Bool) {
    jobCounts = counts
    queueStatus = Status(isActive: counts.active > 0, isPaused: isPaused)
  }
}
