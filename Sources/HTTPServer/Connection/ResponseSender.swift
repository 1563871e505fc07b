import Ground
import HTTPTypes

/// Puts one answer on the wire: framing, compression, and bytes from memory, file or stream.
struct ResponseSender {
  let connection: Connection
  private var server: ServerContext { connection.server }
  private var channel: Channel { connection.channel }
  private var patience: Double { connection.server.configuration.stallTimeout }

  /// How much of a file is read and sent at once: the kernel copies this size fastest (measured against 64 KiB and 1 MiB).
  private static let filePiece = 256 << 10

  init(connection: Connection) { self.connection = connection }

  /// - Parameter head: the request; nil where it could not be read.
  /// - Returns: whether the connection may carry another request: `keepAlive`, unless the body ends with the connection.
  /// - Throws: whatever ended the transfer; the connection is of no use then.
  func send(_ response: Response, to head: RequestHead?, keepAlive: Bool) async throws -> Bool {
    var response = response
    if let head { await Compression.apply(to: &response, accepting: head.fields, server) }
    let minorVersion = head?.minorVersion ?? 1
    let isBodiless =
      response.status.kind == .informational || response.status == .noContent || response.status == .notModified
    let sendsBody = !isBodiless && head?.method != .head
    let framing = isBodiless ? ResponseHead.BodyFraming.none : Self.framing(response.body, minorVersion)
    var keepAlive = keepAlive
    if case .untilClose = framing { keepAlive = false }

    var out: [UInt8] = []
    out.reserveCapacity(512)
    ResponseHead.write(
      response.status, response.fields, framing, keepAlive: keepAlive, minorVersion: minorVersion,
      date: connection.loop.dateLine(), into: &out)
    guard sendsBody else {
      try await channel.send(out, patience: patience)
      return keepAlive
    }
    switch response.body {
    case .empty:
      try await channel.send(out, patience: patience)
    case .bytes(let bytes):
      // One send for a small answer; a large one is not copied.
      if bytes.count <= 64 << 10 {
        out += bytes
        try await channel.send(out, patience: patience)
      } else {
        try await channel.send(out, patience: patience)
        try await channel.send(bytes, patience: patience)
      }
    case .file(let file, let offset, let length):
      try await send(file, offset: offset, length: length, behind: out)
    case .stream(let length, let write):
      try await channel.send(out, patience: patience)
      try await stream(length, isChunked: minorVersion > 0, write)
    }
    return keepAlive
  }

  private static func framing(_ body: ResponseBody, _ minorVersion: Int) -> ResponseHead.BodyFraming {
    switch body {
    case .empty: .length(0)
    case .bytes(let bytes): .length(Int64(bytes.count))
    case .file(_, _, let length): .length(length)
    case .stream(let length?, _): .length(length)
    case .stream(nil, _): minorVersion > 0 ? .chunked : .untilClose
    }
  }

  /// Reads and sends on a disk lane; the first piece travels with the head.
  private func send(_ file: Descriptor, offset: Int64, length: Int64, behind head: [UInt8]) async throws {
    let (blocks, channel, patience) = (server.fileBlocks, channel, patience)
    try await server.fileLanes.next().run {
      let block = blocks.take()
      defer { blocks.give(block) }
      head.withUnsafeBytes { block.append($0) }
      var sent: Int64 = 0
      while sent < length {
        let size = Int(min(Int64(min(Self.filePiece, block.space.count)), length - sent))
        let piece = UnsafeMutableRawBufferPointer(rebasing: block.space.prefix(size))
        let count = try file.read(into: piece, at: offset + sent)
        // The file shrank under us: only a broken connection tells a client that its answer is not whole.
        guard count == size else { throw TransportError.reset }
        block.count += count
        try await channel.send(block.bytes, patience: patience)
        block.count = 0
        sent += Int64(count)
      }
      if block.count > 0 { try await channel.send(block.bytes, patience: patience) }
    }
  }

  private func stream(
    _ length: Int64?, isChunked: Bool, _ write: @Sendable (ResponseWriter) async throws -> Void
  ) async throws {
    let (channel, patience) = (channel, patience)
    let sent = Counter()
    try await write(
      ResponseWriter { bytes in
        guard !bytes.isEmpty else { return }
        if let length {
          guard sent.current + UInt64(bytes.count) <= UInt64(length) else { throw TransportError.reset }
          sent.add(UInt64(bytes.count))
        } else if isChunked {
          let framed = Array(String(bytes.count, radix: 16).utf8) + lineEnd + bytes + lineEnd
          return try await channel.send(framed, patience: patience)
        }
        try await channel.send(bytes, patience: patience)
      })
    if let length {
      guard sent.current == UInt64(length) else { throw TransportError.reset }
    } else if isChunked {
      try await channel.send(Array("0\r\n\r\n".utf8), patience: patience)
    }
  }
}
