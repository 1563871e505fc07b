/// The work that is done on an asset's file after it is stored.
package enum JobQueue: String, Sendable, CaseIterable {
  /// Reading what the file says of itself. Immich's `metadataExtraction`.
  case facts
  /// Making the small pictures. Immich's `thumbnailGeneration`.
  case pictures
}

/// How a queue stands.
package struct JobCounts: Sendable, Equatable {
  package var active = 0
  /// Ready, or waiting for a tool that is not installed.
  package var waiting = 0
  /// Failed, and to be tried again after a pause.
  package var delayed = 0
  /// Given up; the reasons are in `Jobs.failures`.
  package var failed = 0
  /// Done since the server started.
  package var completed = 0
  package var isPaused = false

  package init() {}
}
