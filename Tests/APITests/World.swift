import FoundationEssentials
import Ground
import HTTPTypes
import LogLines
import MigratedCatalog
import Testing

@testable import API
@testable import Backup
@testable import HTTPServer

/// A whole server without sockets: real catalog, real disk, in a folder of its own that goes away again.
final class World: Sendable {
  let folder: String
  let backup: Backup
  let responder: APIResponder
  let log = LogLines()

  private init(folder: String) async throws {
    self.folder = folder
    var options = Backup.Options(
      dataFolder: folder + "/data", migrationsFolder: MigratedCatalog.migrationsFolder)
    options.passwordCost = PasswordCost(n: 16, r: 1, p: 1)
    try await MigratedCatalog.settle(in: options.dataFolder)
    backup = try await Backup(options, logger: log.logger)
    responder = APIResponder(
      backup: backup,
      options: APIOptions(publicFolder: folder + "/public", trustedProxies: ["10.0.0.1"], version: "0.0.1"),
      logger: log.logger)
  }

  static func with(_ body: (World) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/nightstand-api-\(Identifier())"
    try FileManager.default.createDirectory(atPath: folder + "/public", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let world = try await World(folder: folder)
    do { try await body(world) } catch {
      await world.backup.close()
      throw error
    }
    await world.backup.close()
  }

  /// Everything that lies in staging and originals. (The folder's marker is there from the start.)
  func storedFiles() throws -> [String] {
    var found: [String] = []
    for part in ["staging", "originals"] {
      found += try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/data/\(part)").filter { path in
        (try FileSystem.status("\(folder)/data/\(part)/\(path)"))?.isRegular == true
      }
    }
    return found.sorted()
  }

  func send(
    _ method: HTTPRequest.Method, _ target: String, _ fields: [(String, String)] = [], body: String = "",
    peer: String = "192.0.2.7"
  ) async throws -> Response {
    await responder.respond(to: try makeRequest(method, target, fields, body: Array(body.utf8), peer: peer))
  }

  func send(_ method: HTTPRequest.Method, _ target: String, _ fields: [(String, String)], bytes: [UInt8]) async throws
    -> Response
  {
    await responder.respond(to: try makeRequest(method, target, fields, body: bytes))
  }

  /// Signs the admin up and logs in. - Returns: the field that proves it.
  func login() async throws -> (String, String) {
    let credentials = #""email":"anna@example.com","password":"correct horse""#
    let signUp = try await send(.post, "/api/auth/admin-sign-up", body: "{\(credentials),\"name\":\"Anna\"}")
    try #require(signUp.status == .created)
    let login = try await send(.post, "/api/auth/login", body: "{\(credentials)}")
    try #require(login.status == .created)
    return ("x-immich-user-token", try #require(try login.object()["accessToken"]?.text))
  }

  /// Another person with a session.
  func guest() async throws -> (String, String) {
    _ = try await backup.accounts.add(
      email: "ben@example.com", password: "battery staple", name: "Ben", isAdmin: false, quota: nil)
    let login = try await send(
      .post, "/api/auth/login", body: #"{"email":"ben@example.com","password":"battery staple"}"#)
    return ("x-immich-user-token", try #require(try login.object()["accessToken"]?.text))
  }

  /// Uploads as immich-go and the apps do. - Parameter parts: name, file name or nil, content.
  func upload(
    _ parts: [Part], _ fields: [(String, String)]
  ) async throws -> Response {
    try await send(
      .post, "/api/assets", fields + [("Content-Type", "multipart/form-data; boundary=bound")],
      bytes: World.form(parts))
  }

  static func form(_ parts: [Part]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, file, content) in parts {
      bytes += "--bound\r\nContent-Disposition: form-data; name=\"\(name)\"".utf8
      if let file { bytes += "; filename=\"\(file)\"".utf8 }
      bytes += "\r\n\r\n".utf8
      bytes += content
      bytes += "\r\n".utf8
    }
    return bytes + Array("--bound--\r\n".utf8)
  }

  /// Name, file name or nil, content.
  typealias Part = (String, String?, [UInt8])

  static func field(_ name: String, _ text: String) -> Part { (name, nil, Array(text.utf8)) }

  static let dates: [Part] = [
    ("fileCreatedAt", nil, Array("2024-07-17T20:15:30.123456+02:00".utf8)),
    ("fileModifiedAt", nil, Array("2024-07-18T00:00:00.000Z".utf8)),
  ]
}

/// A JSON value as a test looks at it.
enum JSON: Decodable, Equatable {
  case null
  case flag(Bool)
  case number(Double)
  case text(String)
  case list([JSON])
  case object([String: JSON])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([JSON].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: JSON].self))
    }
  }

  var text: String? { if case .text(let text) = self { text } else { nil } }
  var list: [JSON]? { if case .list(let list) = self { list } else { nil } }
  subscript(_ key: String) -> JSON? { if case .object(let object) = self { object[key] } else { nil } }
}

extension Response {
  func json() throws -> JSON { try JSONDecoder().decode(JSON.self, from: Data(text().utf8)) }
  func object() throws -> [String: JSON] { try JSONDecoder().decode([String: JSON].self, from: Data(text().utf8)) }
  var message: String? { (try? object())?["message"]?.text }
}
