import FoundationEssentials
import Ground
import Outbound

/// Messages to an app for Android through its builder's own Firebase project (FCM HTTP v1).
package actor FCMChannel {
  package struct Options: Sendable, Equatable {
    /// The service account's key as Google hands it out (JSON).
    package var accountFile: String
    /// In the place of Google's; for tests.
    package var server: String?

    package init(accountFile: String) { self.accountFile = accountFile }
  }

  /// Whose limits hold.
  package static let host = "fcm.googleapis.com"
  private static let scope = "https://www.googleapis.com/auth/firebase.messaging"
  /// Seconds before its end from which a token is not used any more.
  private static let rest: Int64 = 300

  private struct Account: Decodable {
    let project: String
    let email: String
    let key: String
    let keyID: String?
    let tokenURL: String

    enum CodingKeys: String, CodingKey {
      case project = "project_id"
      case email = "client_email"
      case key = "private_key"
      case keyID = "private_key_id"
      case tokenURL = "token_uri"
    }
  }

  private let outbound: Outbound
  private let server: String
  private let account: Account
  private let key: RSAKey
  private let now: @Sendable () -> Instant
  private var token: (text: String, expiry: Int64)?
  /// Who waits for a token waits for the same one.
  private var asking: Task<Result<String, TokenFailure>, Never>?

  private struct TokenFailure: Error { let reply: PushReply }

  /// - Throws: `SystemError`, `PushKeyError`.
  package init(_ outbound: Outbound, _ options: Options, now: @escaping @Sendable () -> Instant) throws {
    let bytes = try FileSystem.contents(options.accountFile, limit: 64 << 10)
    guard let account = PushJSON.decode(Account.self, bytes), let key = RSAKey(pem: Array(account.key.utf8)),
      account.project.utf8.allSatisfy({
        (0x61...0x7A).contains($0) || (0x30...0x3A).contains($0) || $0 == 0x2D || $0 == 0x2E
      })
    else { throw PushKeyError.unreadable(options.accountFile) }
    (self.outbound, self.account, self.key, self.now) = (outbound, account, key, now)
    server = options.server ?? "https://\(FCMChannel.host)"
  }

  package func send(_ message: PushMessage, to device: String) async -> PushReply {
    let bearer: String
    do throws(TokenFailure) { bearer = try await authorization() } catch { return error.reply }
    var request = OutboundRequest(
      .post, "\(server)/v1/projects/\(account.project)/messages:send",
      headers: [("authorization", "Bearer \(bearer)"), ("content-type", "application/json")],
      body: FCMChannel.payload(message, to: device), purpose: "push")
    (request.trust, request.needsHTTP2) = (.configured, true)
    do throws(OutboundError) {
      let answer = try await outbound.send(request)
      if answer.status == 401 { token = nil }
      return FCMChannel.reply(to: answer)
    } catch { return PushReply(error) }
  }

  /// Data only: what shows something is the app's own. Urgent means that the app shows something (Google watches).
  static func payload(_ message: PushMessage, to device: String) -> [UInt8] {
    let data = String(decoding: message.json, as: UTF8.self)
    let priority = message.content.isVisible ? "high" : "normal"
    return Array(
      """
      {"message":{"token":\(PushJSON.text(device)),"data":\(data),"android":{"priority":"\(priority)",\
      "ttl":"\(max(0, message.timeToLive))s","collapse_key":"\(message.content.isVisible ? "nudge" : "sync")"}}}
      """.utf8)
  }

  private struct Failure: Decodable {
    struct Body: Decodable {
      struct Detail: Decodable { let errorCode: String? }
      let status: String?
      let details: [Detail]?
    }
    let error: Body
  }

  /// Google's table of errors. A token that it calls invalid may be ours to blame: only `UNREGISTERED` ends it.
  static func reply(to answer: OutboundAnswer) -> PushReply {
    let failure = PushJSON.decode(Failure.self, answer.body)?.error
    let code = failure?.details?.compactMap(\.errorCode).first ?? failure?.status
    let word = code.map { String($0.prefix(40).filter { $0.isASCII && ($0.isLetter || $0 == "_") }) }
    return switch answer.status {
    case 200..<300: .accepted
    case 404 where code == "UNREGISTERED": .gone(since: nil)
    case 429: .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: true)
    case 503 where answer.retryAfter != nil:
      .throttled(seconds: answer.retryAfter ?? PushReply.patience, isOfHost: true)
    case 500...: .failed(String(answer.status))
    default: .refused(word ?? String(answer.status))
    }
  }

  // MARK: OAuth

  private func authorization() async throws(TokenFailure) -> String {
    if let token, token.expiry - now().milliseconds / 1000 > FCMChannel.rest { return token.text }
    if let asking { return try await asking.value.get() }
    let task = Task { await self.ask() }
    asking = task
    let result = await task.value
    asking = nil
    return try result.get()
  }

  private struct Grant: Decodable {
    let token: String
    let lifetime: Int64

    enum CodingKeys: String, CodingKey {
      case token = "access_token"
      case lifetime = "expires_in"
    }
  }

  /// RFC 7523: a signed statement for a bearer token of an hour.
  private func ask() async -> Result<String, TokenFailure> {
    let seconds = now().milliseconds / 1000
    let claims =
      "{\"iss\":\(PushJSON.text(account.email)),\"scope\":\(PushJSON.text(FCMChannel.scope)),"
      + "\"aud\":\(PushJSON.text(account.tokenURL)),\"iat\":\(seconds),\"exp\":\(seconds + 3600)}"
    var header = [("alg", "RS256"), ("typ", "JWT")]
    if let id = account.keyID { header.append(("kid", id)) }
    guard let assertion = try? JSONWebToken.make(header: header, claims: claims, sign: { try key.signature(of: $0) })
    else { return .failure(TokenFailure(reply: .failed("key"))) }
    let body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=\(assertion)"
    var request = OutboundRequest(
      .post, account.tokenURL, headers: [("content-type", "application/x-www-form-urlencoded")],
      body: Array(body.utf8), purpose: "push")
    request.trust = .configured
    do throws(OutboundError) {
      let answer = try await outbound.send(request)
      guard answer.isSuccess, let grant = PushJSON.decode(Grant.self, answer.body), !grant.token.isEmpty,
        grant.token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else { return .failure(TokenFailure(reply: .failed("oauth_\(answer.status)"))) }
      token = (grant.token, seconds + min(max(0, grant.lifetime), 3600))
      return .success(grant.token)
    } catch {
      if case .unsent = PushReply(error) { return .failure(TokenFailure(reply: PushReply(error))) }
      return .failure(TokenFailure(reply: .failed("oauth_\(error.label)")))
    }
  }
}
