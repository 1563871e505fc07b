import Ground
import Logging
import Media
import Store

/// What is known and shown of originals beside their bytes: reads facts, makes pictures, hands them out. The server's own
/// memory never holds more of a picture than a preview's file that is on its way out of a raw one.
package final class MediaLibrary: PictureSource {
  let originals: Originals
  let derived: Derived
  let catalog: Catalog
  private let originalsFolder: String
  let logger: Logger
  /// Wakes the workers: pictures that vanished are to be made again.
  let bell: JobBell

  init(
    catalog: Catalog, originals: Originals, originalsFolder: String, derived: Derived, bell: JobBell, logger: Logger
  ) {
    (self.catalog, self.originals, self.derived) = (catalog, originals, derived)
    (self.originalsFolder, self.bell, self.logger) = (originalsFolder, bell, logger)
  }

  /// Nil where there is none, or none yet; one that is missing without a reason is made again. Opens a file: call it on a
  /// lane.
  package func picture(of asset: Asset, _ size: PictureSize) async throws -> Picture? {
    guard let (file, format) = try derived.open(asset.id, size.rawValue) else {
      if try await catalog.addJob(asset.id, kind: JobQueue.pictures.rawValue) { bell.ring() }
      return nil
    }
    let status = try file.status
    return Picture(
      file: file, size: status.size, mimeType: format.mimeType,
      version: "\(asset.id)-\(size.rawValue)-\(status.modified.milliseconds)-\(status.size)")
  }

  /// Reads a file's facts and records them.
  func readFacts(of job: ClaimedJob, by reader: FactReader) async throws {
    // A key begins with its person's folder.
    let person = "\(try FileSystem.absolute(originalsFolder))/\(job.originalKey.prefix { $0 != "/" })"
    let facts = try reader.facts(of: try original(of: job), below: person, mimeType: job.mimeType)
    try await catalog.recordFacts(of: job, FileFacts(facts))
  }

  /// Makes a file's pictures and records its hash.
  /// - Returns: whether they are the asset's first.
  func makePictures(of job: ClaimedJob, tools: MediaTools, folder: String, stop: StopSignal) async throws -> Bool {
    let isFirst = try await !catalog.hasThumbhash(job.id)
    let file = try original(of: job)
    let head = try FileSystem.head(file, 4096)
    let made = try PictureMaker(tools: tools, folder: folder, stop: stop)
      .make(of: file, head: head, mimeType: job.mimeType)
    guard let format = Derived.Format(rawValue: made.format) else {
      throw StoreError.broken("pictures have the unknown format \(made.format)")
    }
    try derived.moveIn(made.preview, job.id, PictureSize.preview.rawValue, format)
    try derived.moveIn(made.thumbnail, job.id, PictureSize.thumbnail.rawValue, format)
    // Last: the hash says that the others are there. An asset that was deleted meanwhile leaves nothing: its removal came
    // before these pictures.
    guard try await catalog.recordThumbhash(of: job, made.thumbhash) else {
      try derived.remove(job.id)
      return false
    }
    return isFirst
  }

  private func original(of job: ClaimedJob) throws -> Descriptor {
    guard let file = try originals.open(job.originalKey) else {
      originals.lost.insert(job.id)
      throw MediaError.unreadable("the original is missing")
    }
    return file
  }

  /// Removes the pictures of assets that are no more: what a crash left between a deletion and its files. At a start, on a
  /// lane; 256 folders, each with a name's worth of memory per picture.
  func sweep() async throws {
    var removed = 0
    for number in UInt8.min...UInt8.max {
      try Task.checkCancellation()
      let ids = try derived.ids(inFolder: number)
      guard !ids.isEmpty else { continue }
      for id in try await catalog.strangers(among: ids) {
        try derived.remove(id)
        removed += 1
      }
    }
    if removed > 0 { logger.info("removed the pictures of \(removed) assets that are no more") }
  }
}

extension FileFacts {
  init(_ facts: MediaFacts) {
    self.init()
    (localDateTime, durationMilliseconds) = (facts.taken?.wallClock, facts.durationMilliseconds)
    (row.width, row.height) = (facts.width, facts.height)
    row.orientation = facts.orientation.map(String.init)
    (row.takenAt, row.timeZone, row.modifiedAt) = (facts.taken?.instant, facts.taken?.zone, facts.modified)
    (row.latitude, row.longitude) = (facts.latitude, facts.longitude)
    (row.make, row.model, row.lens) = (facts.make, facts.model, facts.lens)
    (row.fNumber, row.focalLength, row.iso) = (facts.fNumber, facts.focalLength, facts.iso)
    (row.exposureTime, row.fps, row.projection) = (facts.exposureTime, facts.fps, facts.projection)
    row.profile = facts.profile
  }
}
