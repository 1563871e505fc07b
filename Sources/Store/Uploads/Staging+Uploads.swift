import Glibc
import Ground

extension Staging {
  /// Opens an upload's file where its row says it stopped. In the same boot everything the kernel has of it counts, and
  /// is put on disk, hashed and recorded; after a reboot, and after a part whose checksum was not verified, the file is
  /// cut to the recorded offset. An upload without a byte gets its file here. Call it on the transfer's lane.
  /// - Throws: `StoreError.uploadLost` where the file is missing or shorter than recorded; `.uploadEnded` where the
  ///   upload is not open any more; `.uploadUnsettled` where its bytes may lie in originals; `.syncFailed` where what lay behind the recorded offset could not be put on disk: it
  ///   is cut off then. No space is set aside: see `PartialFile.reserve`.
  package func open(_ upload: UploadRow, in catalog: Catalog) async throws -> PartialFile {
    // The caller's row may be older than the last checkpoint.
    guard let row = try await catalog.upload(token: upload.token), row.state == .open else {
      throw StoreError.uploadEnded
    }
    // A new file under its name would be taken for the old one.
    if try await catalog.hasIntent(upload: row.number) { throw StoreError.uploadUnsettled }
    guard let name = row.staged else { throw StoreError.uploadLost }
    do { return try await open(row, name, in: catalog) } catch { throw StoreError.wrap(error) }
  }

  /// Makes the file of an upload that begins now. Call it on the transfer's lane.
  package func create(_ row: UploadRow, in catalog: Catalog) throws(StoreError) -> PartialFile {
    guard let name = row.staged else { throw .uploadLost }
    do throws(SystemError) {
      let file = try Descriptor(open: path(name), O_RDWR | O_CREAT | O_EXCL)
      let sha1 = RunningSHA1()
      let progress = UploadProgress(
        UploadProgress.Point(offset: 0, sha1State: sha1.state), isNamed: false, number: row.number, file: file,
        staging: self, catalog: catalog)
      let tail = FileTail(file: file, staging: self, length: 0, sha1: sha1, promised: 0)
      return PartialFile(name: name, staging: self, tail: tail, progress: progress)
    } catch { throw StoreError(error) }
  }

  private func open(_ row: UploadRow, _ name: String, in catalog: Catalog) async throws -> PartialFile {
    let file = try openFile(row, name)
    let size = try cut(file, row, name, boot: catalog.boot)
    let sha1 = try await digest(row, name, size)
    let tail = FileTail(file: file, staging: self, length: size, sha1: sha1, promised: 0)
    let recorded = UploadProgress.Point(offset: row.offset, sha1State: row.offset == size ? sha1.state : [])
    let progress = UploadProgress(
      recorded, isNamed: row.offset > 0, number: row.number, file: file, staging: self, catalog: catalog)
    if size > row.offset {
      try await record(UploadProgress.Point(offset: size, sha1State: sha1.state), progress, row, file)
    }
    return PartialFile(name: name, staging: self, tail: tail, progress: progress)
  }

  /// What the file has beyond its row counts from here on, or is cut off.
  func record(
    _ here: UploadProgress.Point, _ progress: UploadProgress, _ row: UploadRow, _ file: Descriptor
  ) async throws {
    do { try await progress.advance(to: here, length: row.length, expiresAt: row.expiresAt) } catch {
      guard progress.loss != nil else { throw error }
      // The kernel tells it once, and would vouch for these bytes when it is asked again.
      try file.truncate(to: row.offset)
      throw StoreError.syncFailed
    }
  }

  private func openFile(_ row: UploadRow, _ name: String) throws -> Descriptor {
    do throws(SystemError) {
      // Nothing was promised yet of a file without a byte.
      return try Descriptor(open: path(name), row.offset == 0 ? O_RDWR | O_CREAT : O_RDWR)
    } catch {
      guard error.code == ENOENT else { throw error }
      throw StoreError.uploadLost
    }
  }

  /// Drops what does not count; the size that remains.
  private func cut(_ file: Descriptor, _ row: UploadRow, _ name: String, boot: String) throws -> Int64 {
    let size = try file.status.size
    guard size >= row.offset else { throw StoreError.uploadLost }
    let claim = path(PartialFile.claim(name))
    let isClaimed = try FileSystem.status(claim) != nil
    // After a reboot nobody knows which bytes behind the recorded ones reached the disk.
    guard isClaimed || row.boot != boot else { return size }
    if size > row.offset { try file.truncate(to: row.offset) }
    if isClaimed { try FileSystem.remove(claim) }
    return row.offset
  }

  /// The digest of the first `size` bytes: from the recorded state on, or from the start where there is none.
  private func digest(_ row: UploadRow, _ name: String, _ size: Int64) async throws -> RunningSHA1 {
    var sha1 = RunningSHA1()
    if let state = row.sha1State, let kept = RunningSHA1(state: state), kept.count == row.offset { sha1 = kept }
    guard sha1.count < size else { return sha1 }
    let block = blocks.take()
    defer { blocks.give(block) }
    try await sha1.update(
      reading: Descriptor(open: path(name), O_RDONLY), from: sha1.count, to: size, block)
    return sha1
  }

  // MARK: Files that nobody has open

  /// Whether the file of an upload that nobody has open ends where its row says: then the row alone tells where it stands,
  /// and nothing need be read, which takes minutes for a large file whose digest's state is lost.
  package func isAsRecorded(_ upload: UploadRow) throws(StoreError) -> Bool {
    guard let name = upload.staged else { return false }
    do { return try (FileSystem.status(path(name))?.size ?? 0) == upload.offset } catch { throw StoreError(error) }
  }

  /// Removes the file of an upload that nobody has open, with its mark, after its row ended.
  package func removeIdle(_ name: String) throws(StoreError) {
    do throws(SystemError) {
      for name in [name, PartialFile.claim(name)] { try FileSystem.remove(path(name)) }
    } catch { throw StoreError(error) }
  }
}
