import Crypto
import Glibc
import Hummingbird
import Logging
import NIOCore
import NIOPosix

// Usage: HummingbirdPeer PORT FOLDER
// GET /ping answers like Nightstand's ping. PUT /{name} streams the body into FOLDER, hashes it with SHA-1 on the way,
// and answers 201 after fsync, with the digest as the body.
guard CommandLine.arguments.count == 3, let port = Int(CommandLine.arguments[1]) else {
  print("usage: HummingbirdPeer PORT FOLDER")
  exit(64)
}
let folder = CommandLine.arguments[2]

let router = Router()
router.get("/ping") { _, _ in
  Response(
    status: .ok, headers: [.contentType: "application/json"],
    body: .init(byteBuffer: ByteBuffer(string: #"{"res":"pong"}"#)))
}
router.put("/:name") { request, context in
  let name = try context.parameters.require("name")
  guard !name.hasPrefix("."), !name.contains("/") else { throw HTTPError(.badRequest) }
  let upload = try Upload(path: "\(folder)/\(name)")
  defer { upload.close() }
  for try await piece in request.body { try await upload.take(piece) }
  let digest = try await upload.finish()
  return Response(status: .created, body: .init(byteBuffer: ByteBuffer(string: digest)))
}

var logger = Logger(label: "peer")
logger.logLevel = .error
let app = Application(
  router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
  onServerRunning: { channel in
    print("ready \(channel.localAddress?.port ?? port)")
    fflush(nil)
  }, logger: logger)
try await app.runService()
