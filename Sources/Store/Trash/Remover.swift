import GRDB
import Glibc
import Ground
import Logging

/// Carries out what `removal` announces: files of deleted assets leave originals for `quarantine/<day>/<their path>`, where
/// a person finds them under the names they had, with a `SHA1SUMS` a day that says what lies there, and can put them back;
/// they are deleted from there when their time has come.
///
/// The mirror of finishing an upload: there the file comes first and the row last, here the row goes first and the file last,
/// so that no row is ever without its file. A crash at any point leaves an announcement that is carried out again.
package struct Remover: Sendable {
  /// Files that move between two batches of uploads: some tens of milliseconds. Each batch rewrites its folders' lists.
  static let batch = 256
  /// Files that are deleted at once.
  static let expiryBatch = 500

  private let catalog: Catalog
  private let originals: Originals
  private let quarantine: String
  private let finisher: Finisher
  private let logger: Logger
  /// Removes the pictures that were made of an asset; again where it did before.
  private let removePictures: @Sendable (Identifier) throws -> Void
  /// Deleting thousands of files may take its time.
  private let lane = Lane(label: "quarantine", qos: .utility)

  /// - Parameter quarantine: a folder on the file system of originals.
  package init(
    catalog: Catalog, originals: Originals, quarantine: String, finisher: Finisher, logger: Logger,
    removePictures: @escaping @Sendable (Identifier) throws -> Void
  ) {
    (self.catalog, self.originals, self.quarantine) = (catalog, originals, quarantine)
    (self.finisher, self.logger, self.removePictures) = (finisher, logger, removePictures)
  }

  // MARK: Into quarantine

  /// Moves the files of one batch. One that cannot be moved is logged, lets all others go first, and is tried again by a
  /// later round of calls.
  /// - Returns: how many were moved, or failed for the first time; 0 where nothing is left that this round can move.
  package func move() async throws -> Int {
    try await finisher.between { [self] in
      do {
        let rows = try catalog.pool.read { db in
          try Row.fetchAll(
            db,
            sql:
              "SELECT \(RemovalRow.columns) FROM removal WHERE state = 'announced' ORDER BY failures, number LIMIT ?",
            arguments: [Remover.batch]
          ).map(RemovalRow.init)
        }
        guard !rows.isEmpty else { return 0 }
        var stuck: Set<Int64> = []
        for (folder, members) in Dictionary(grouping: rows, by: { splitKey($0.key).folder }) {
          do { try move(members, from: folder) } catch {
            // One by one: a file with a bad block must not keep its neighbours.
            for row in members {
              do { try move([row], from: folder) } catch {
                stuck.insert(row.number)
                logger.error("a deleted file stays where it is: originals/\(row.key): \(error)")
              }
            }
          }
        }
        let moved = rows.filter { !stuck.contains($0.number) }
        for row in moved { try removePictures(row.id) }
        let fresh = try catalog.pool.write { db in
          for row in moved {
            try db.execute(sql: "UPDATE removal SET state = 'quarantined' WHERE number = ?", arguments: [row.number])
          }
          var fresh = 0
          for number in stuck {
            let failures = try Int.fetchOne(
              db, sql: "UPDATE removal SET failures = failures + 1 WHERE number = ? RETURNING failures",
              arguments: [number])
            if failures == 1 { fresh += 1 }
          }
          return fresh
        }
        CrashPoint.removalRecorded.pass()
        return moved.count + fresh
      } catch { throw catalog.wrap(error) }
    }
  }

  /// Moves files of one folder, and their lines from its list to the day's.
  private func move(_ rows: [RemovalRow], from folder: String) throws {
    let list = try originals.list(folder: folder)
    let names = Set(rows.flatMap { [$0.key, $0.sidecarKey].compactMap { $0.map { splitKey($0).name } } })
    let sums = Dictionary(try list.lines(names).map { ($0.name, $0.sha1) }, uniquingKeysWith: { $1 })
    var days: [String: [ChecksumList.Line]] = [:]
    var (left, targets): (Set<String>, Set<String>) = ([], [])
    var passed: [String] = []
    for var row in rows {
      guard try isOurs(row) else {
        passed.append(row.key)
        continue
      }
      if try originals.exists(row.key), try FileSystem.status("\(quarantine)/\(row.target)") != nil { try choose(&row) }
      // The sidecar goes first: as long as the original lies there, nobody takes its name.
      if let sidecar = row.sidecarKey { try move(sidecar, isSidecar: true, &row) }
      try move(row.key, isSidecar: false, &row)
      targets.insert(splitKey(row.target).folder)
      for (key, target) in [(row.sidecarKey, row.sidecarTarget), (row.key, row.target)] {
        guard let key, let target else { continue }
        let name = splitKey(key).name
        left.insert(name)
        let path = "\(quarantine)/\(target)"
        guard try FileSystem.status(path) != nil else { continue }
        // A crash may have come between the two lists.
        let sum = try sums[name] ?? (key == row.key ? row.sha1 : SHA1Digest(reading: Descriptor(open: path, O_RDONLY)))
        days[row.day, default: []].append(.init(sha1: sum, name: String(target.dropFirst(row.day.utf8.count + 1))))
      }
    }
    for key in passed {
      logger.error("another photo has the name originals/\(key) by now: a deleted file may be left there")
    }
    for target in targets where try FileSystem.status("\(quarantine)/\(target)") != nil {
      try FileSystem.syncFolder("\(quarantine)/\(target)")
    }
    for (day, lines) in days { try ChecksumList(folder: "\(quarantine)/\(day)").append(lines) }
    for day in days.keys { try FileSystem.syncFolder("\(quarantine)/\(day)") }
    CrashPoint.removalListed.pass()
    // Where nothing ever lay there is no folder.
    guard try originals.exists(folder) else { return }
    if try !list.remove(left) { try originals.sync(folder: folder) }
    CrashPoint.removalUnlisted.pass()
  }

  /// Whether what lies under the key is still the deleted asset's. Names on their way out are given to nobody; before
  /// migration 24 a newcomer could take one after a failed attempt, in this spelling or another that a share may take for it.
  private func isOurs(_ row: RemovalRow) throws -> Bool {
    try catalog.pool.read { db in
      try Bool.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT EXISTS (SELECT 1 FROM asset WHERE place = ?1) OR EXISTS (SELECT 1 FROM intent WHERE place = ?1)
            """), arguments: [Originals.place(of: row.key)]) != true
    }
  }

  /// Moves one file where it is still in its place. Where something took its name in quarantine, another is chosen and
  /// recorded before the file moves.
  private func move(_ key: String, isSidecar: Bool, _ row: inout RemovalRow) throws {
    guard try originals.exists(key) else { return }
    for _ in 0..<8 {
      let target = "\(quarantine)/\(isSidecar ? row.target + ".xmp" : row.target)"
      try FileSystem.makeFolders(FileSystem.parent(of: target))
      do throws(SystemError) {
        try originals.moveAway(key, target)
        CrashPoint.removalMoved.pass()
        return
      } catch {
        guard error.code == EEXIST else { throw error }
      }
      try choose(&row)
    }
    throw StoreError.broken("names in the quarantine are taken faster than they are found")
  }

  private func choose(_ row: inout RemovalRow) throws {
    let (old, day, key, number) = (row.target, row.day, row.key, row.number)
    let fresh = try catalog.pool.write { db in
      let target = try RemovalRow.freeTarget(day: day, key: key, db) { target in
        try FileSystem.status("\(quarantine)/\(target)") == nil
          && FileSystem.status("\(quarantine)/\(target).xmp") == nil
      }
      try db.execute(sql: "UPDATE removal SET target = ? WHERE number = ?", arguments: [target, number])
      return target
    }
    // A sidecar that has moved already stays with its original.
    if row.sidecarKey != nil, try !originals.exists(row.sidecarKey ?? ""),
      try FileSystem.status("\(quarantine)/\(old).xmp") != nil
    {
      try FileSystem.renameWithoutReplacing("\(quarantine)/\(old).xmp", "\(quarantine)/\(fresh).xmp")
    }
    row.target = fresh
  }

  // MARK: Out of quarantine

  /// Deletes one batch of what came into quarantine before a day; when nothing is left, the folders of those days.
  /// - Returns: how many files' rows; 0 where nothing is due.
  package func expire(before limit: Instant) async throws -> Int {
    let (catalog, quarantine) = (catalog, quarantine)
    let day = RemovalRow.day(limit)
    let rows = try await catalog.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(RemovalRow.columns) FROM removal WHERE state = 'quarantined' AND day < ? ORDER BY day, number LIMIT ?
          """, arguments: [day, Remover.expiryBatch]
      ).map(RemovalRow.init)
    }
    guard !rows.isEmpty else {
      try await sweep(before: day)
      return 0
    }
    try await lane.run {
      for row in rows {
        for target in [row.target, row.sidecarTarget] {
          if let target { try FileSystem.remove("\(quarantine)/\(target)") }
        }
      }
    }
    try await catalog.write { db in
      for row in rows { try db.execute(sql: "DELETE FROM removal WHERE number = ?", arguments: [row.number]) }
    }
    return rows.count
  }

  /// Removes the folders of days of which no row speaks any more, whenever their last file went.
  private func sweep(before limit: String) async throws {
    let quarantine = quarantine
    let old = try await lane.run {
      try FileSystem.names(in: quarantine).filter {
        $0.utf8.count == limit.utf8.count && $0 < limit && WrittenTime($0) != nil
      }
    }
    guard !old.isEmpty else { return }
    let known = try await catalog.read { db in
      try Set(String.fetchAll(db, sql: "SELECT DISTINCT day FROM removal"))
    }
    try await lane.run {
      for day in old where !known.contains(day) {
        try FileSystem.remove("\(quarantine)/\(day)/\(ChecksumList.name)")
        try Remover.prune("\(quarantine)/\(day)")
      }
    }
  }

  /// Removes empty folders, the deepest first; what a person put there stays.
  private static func prune(_ folder: String) throws {
    for name in try FileSystem.names(in: folder) where try FileSystem.status("\(folder)/\(name)")?.isFolder == true {
      try prune("\(folder)/\(name)")
    }
    try FileSystem.removeFolder(folder)
  }
}
