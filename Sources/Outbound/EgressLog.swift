import Ground
import Synchronization

/// One thing that the server sent by itself, or would have.
package struct EgressRecord: Sendable, Equatable {
  package let at: Instant
  /// As in `OutboundRequest.purpose`.
  package let purpose: String
  /// Host, with the port where it is not the usual one; empty where the address was none.
  package let host: String
  /// `2xx` … `5xx`, or `OutboundError.label`.
  package let outcome: String
}

/// The last ones, in memory: what left, to whom, and how that ended; never what it said.
package final class EgressLog: Sendable {
  /// Records that are kept.
  package static let capacity = 200

  private let records = Mutex<[EgressRecord]>([])

  package init() {}

  /// The newest first.
  package var recent: [EgressRecord] { records.withLock { $0.reversed() } }

  func note(_ record: EgressRecord) {
    records.withLock { records in
      if records.count == EgressLog.capacity { records.removeFirst() }
      records.append(record)
    }
  }
}
