import Ground
import HTTPTypes

/// A file on its way into an archive.
package struct ArchiveFile: Sendable {
  /// One path component, unique in its archive, at most 65,535 bytes of UTF-8.
  package let name: String
  /// Bytes; the file must have as many when its turn comes.
  package let size: Int64
  package let modified: CalendarTime
  /// Opens it, on a disk lane.
  package let open: @Sendable () async throws -> Descriptor

  package init(
    name: String, size: Int64, modified: CalendarTime, open: @escaping @Sendable () async throws -> Descriptor
  ) {
    (self.name, self.size, self.modified, self.open) = (name, size, modified, open)
  }
}

/// Answers with a zip archive of stored files, read and sent as the client takes it: 256 KiB at a time, and the names. Its
/// length is known beforehand, so that a client notices where a file fails in the middle and the connection breaks off.
package func archiveResponse(_ files: [ArchiveFile], fields: HTTPFields) -> Response {
  var entries: [ZipFormat.Entry] = []
  entries.reserveCapacity(files.count)
  var offset: Int64 = 0
  for file in files {
    let clock = ZipFormat.clock(file.modified)
    let entry = ZipFormat.Entry(
      name: Array(file.name.utf8), size: file.size, time: clock.time, date: clock.date, offset: offset)
    offset += ZipFormat.localSize(entry) + file.size + ZipFormat.descriptorSize(entry)
    entries.append(entry)
  }
  let start = offset
  let directory = entries.reduce(Int64(0)) { $0 + ZipFormat.centralSize($1) }
  let length = start + directory + ZipFormat.endSize(count: entries.count, start: start, size: directory)
  let plan = entries
  var fields = fields
  fields[.contentType] = "application/zip"
  return Response(
    status: .ok, fields: fields,
    body: .stream(length: length) { write in
      try await archiveLanes.next().run {
        var entries = plan
        for index in files.indices {
          try await write(ZipFormat.local(entries[index]))
          entries[index].crc = try await send(files[index], write)
          try await write(ZipFormat.descriptor(entries[index]))
        }
        var records: [UInt8] = []
        for entry in entries {
          records += ZipFormat.central(entry)
          guard records.count >= archivePiece else { continue }
          try await write(records)
          records = []
        }
        try await write(records + ZipFormat.end(count: entries.count, start: start, size: directory))
      }
    })
}

private let archivePiece = 256 << 10
/// Disks that archives may keep busy at once.
private let archiveLanes = Lanes(label: "http.archive", count: 2, qos: .utility)

/// - Returns: the file's CRC-32.
private func send(_ file: ArchiveFile, _ write: ResponseWriter) async throws -> UInt32 {
  let descriptor = try await file.open()
  let digest = RunningDigest(.crc32)
  var sent: Int64 = 0
  while sent < file.size {
    let count = Int(min(Int64(archivePiece), file.size - sent))
    let piece = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      // Exactly `count` bytes, or the file is not what the catalog says.
      filled = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer), at: sent)
    }
    guard piece.count == count else { throw TransportError.reset }
    piece.withUnsafeBytes { digest.update($0) }
    try await write(piece)
    sent += Int64(count)
  }
  guard try descriptor.status.size == file.size else { throw TransportError.reset }
  return digest.finish().reduce(0) { $0 << 8 | UInt32($1) }
}
