import Glibc
import Ground

extension Staging {
  /// Opens an upload's file where its row says it stopped. In the same boot everything the kernel has of it counts, and
  /// is put on disk, hashed and recorded; after a reboot, and after a part whose checksum was not verified, the file is
  /// cut to the recorded offset. An upload without a byte gets its file here. Call it on the transfer's lane.
  /// - Throws: `StoreError.uploadLost` where the file is missing or shorter than recorded; `.uploadEnded` where the
  ///   upload is not open any more; `.syncFailed` where what lay behind the recorded offset could not be put on disk: it
  ///   is cut off then. No space is set aside: see `PartialFile.reserve`.
  package func open(_ upload: UploadRow, in catalog: Catalog) async throws -> PartialFile {
    // The caller's row may be older than the last checkpoint.
    guard let row = try await catalog.upload(token: upload.token), row.state == .open else {
      throw StoreError.uploadEnded
    }
    guard let name = row.staged else { throw StoreError.uploadLost }
    do { return try await open(row, name, in: catalog) } catch { throw StoreError.wrap(error) }
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
      let here = UploadProgress.Point(offset: size, sha1State: sha1.state)
      do { try await progress.advance(to: here, length: row.length, expiresAt: row.expiresAt) } catch {
        guard progress.loss != nil else { throw error }
        // The kernel tells it once, and would vouch for these bytes when it is asked again.
        try file.truncate(to: row.offset)
        throw StoreError.syncFailed
      }
    }
    return PartialFile(name: name, staging: self, tail: tail, progress: progress)
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
}
