import Ground

/// The bytes of an upload that may be interrupted: a file in `staging/` that outlives connections and restarts, and the
/// digest that runs along. Confined to one lane at a time, never shared. Dropped, it leaves its file where it is.
package final class PartialFile {
  /// In `staging/`.
  package let name: String
  /// Bytes accepted so far; some may still be on their way to the disk.
  package private(set) var length: Int64 = 0
  /// Bytes that are on disk and recorded: what may be told to anyone.
  package private(set) var durable: Int64 = 0

  init(name: String) { self.name = name }

  /// How many bytes the next `write` should bring, unless the body ends before: so many that the offset behind them is a
  /// multiple of a block, for direct I/O.
  package func wanted(_ block: Block) -> Int { fatalError("to be written") }

  /// Hashes and writes the first `count` bytes of a block; `count` is `wanted` or, at the end of a body, less.
  /// - Returns: the block to go on with (perhaps another one), with the bytes beyond `count` at its front.
  /// - Throws: `StoreError.diskFull`, `.disk`: what was accepted before can still be checkpointed. The block stays the caller's.
  package func write(_ block: Block, _ count: Int) async throws(StoreError) -> Block { fatalError("to be written") }

  /// Puts what was accepted on disk and records it; `durable` is `length` then.
  /// - Throws: where syncing failed, which is final for this file (`isLost`): the kernel may have dropped what it could not write.
  package func checkpoint(length: Int64?, expiresAt: Instant) async throws { fatalError("to be written") }

  /// As `checkpoint`, without waiting for it: for a transfer that goes on meanwhile. At most one is under way; false
  /// where one was. `durable` follows by itself.
  package func checkpointBehind(length: Int64?, expiresAt: Instant) -> Bool { fatalError("to be written") }

  /// Takes back what was accepted behind `offset`, which is at least `durable`.
  package func rollBack(to offset: Int64) async throws(StoreError) { fatalError("to be written") }

  /// Appends another upload's whole file (a part of a concatenation), by `copy_file_range` where the file system can.
  package func append(contentsOf part: PartialFile) async throws(StoreError) { fatalError("to be written") }

  /// Everything is on disk and will not grow any more. - Parameter modified: the file's time of modification.
  package func seal(modified: Instant?) async throws(StoreError) -> SHA1Digest { fatalError("to be written") }

  /// SHA-256 of the sealed file, read at disk speed.
  package func sha256() throws(StoreError) -> [UInt8] { fatalError("to be written") }

  /// Fills `block` from `offset` of the sealed file: for a stored multipart body. 0 at the end.
  package func read(into block: Block, at offset: Int64) throws(StoreError) -> Int { fatalError("to be written") }

  /// Removes the file.
  package func remove() { fatalError("to be written") }
}

extension Staging {
  /// Opens an upload's file where its row says it stopped. In the same boot everything the kernel has of it counts, and
  /// is put on disk, hashed and recorded; after a reboot the file is cut to the recorded offset.
  /// - Throws: `StoreError.uploadLost` where the file is missing or shorter than recorded.
  package func open(_ upload: UploadRow, in catalog: Catalog) async throws -> PartialFile {
    fatalError("to be written")
  }
}
