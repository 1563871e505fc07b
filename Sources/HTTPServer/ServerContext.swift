import Ground
import Logging
import Synchronization

/// What all connections of a server share.
final class ServerContext: Sendable {
  let configuration: ServerConfiguration
  let responder: any Responder
  let blocks: BlockPool
  let logger: Logger
  let tls: TLSContext?
  /// Where answers are read from disk and compressed: four at a time.
  let fileLanes = Lanes(label: "nightstand.file", count: 4)
  /// Downloads have memory of their own, 16 MiB: a slow reader must not take the uploads' blocks.
  let fileBlocks = BlockPool(limit: 64, size: 256 << 10)

  private let draining = Atomic(false)
  private let onEnd: @Sendable (PeerAddress) -> Void

  init(
    _ configuration: ServerConfiguration, responder: any Responder, blocks: BlockPool, tls: TLSContext?,
    logger: Logger, onEnd: @escaping @Sendable (PeerAddress) -> Void
  ) {
    (self.configuration, self.responder, self.blocks, self.tls) = (configuration, responder, blocks, tls)
    (self.logger, self.onEnd) = (logger, onEnd)
  }

  /// The server stops: no connection is kept alive any more.
  var isDraining: Bool { draining.load(ordering: .relaxed) }
  func startDraining() { draining.store(true, ordering: .relaxed) }

  /// A connection has ended.
  func ended(_ peer: PeerAddress) { onEnd(peer) }
}
