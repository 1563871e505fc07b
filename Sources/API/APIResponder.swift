import Backup
import Ground
import HTTPServer
import HTTPTypes
import Logging

/// The API behind the server: finds the route, and turns whatever goes wrong into an answer.
package final class APIResponder: Responder {
  private let router: Router
  private let pages: Pages?
  private let failures: Failures

  package init(backup: Backup, options: APIOptions, logger: Logger) {
    let forwarding = Forwarding(trustedProxies: options.trustedProxies)
    let authentication = Authentication(accounts: backup.accounts, forwarding: forwarding)
    let failures = Failures(logger: logger)
    let draft = DraftDoor(
      uploads: backup.uploads, pump: UploadPump(desk: backup.desk),
      interim: InterimPolicy(options.interim, logger: logger),
      authorization: UploadAuthorization(authentication: authentication, uploads: backup.uploads),
      address: UploadAddress(publicURL: options.publicURL), failures: failures)
    let raw = RawDoor(desk: backup.desk, draft: draft)
    router = Router(
      APIResponder.routes(
        server: ServerHandlers(backup: backup, version: options.version),
        logins: LoginHandlers(accounts: backup.accounts, forwarding: forwarding),
        users: UserHandlers(accounts: backup.accounts),
        keys: APIKeyHandlers(accounts: backup.accounts),
        assets: AssetHandlers(assets: backup.assets),
        upload: UploadDoor(desk: backup.desk, draft: draft),
        raw: raw, upstream: UpstreamUpload(uploads: backup.uploads, draft: draft),
        albums: AlbumHandlers(albums: backup.albums)
      ).map { $0.route(authentication) })
    pages = options.publicFolder.map { Pages(folder: $0) }
    self.failures = failures
  }

  package func respond(to request: Request) async -> Response {
    do {
      switch router.match(request.method, request.target.segments) {
      case .route(let route, let parameters):
        var request = request
        request.parameters = parameters
        return failures.marked(try await route.handler(request))
      case .wrongMethod(let allowed): return failures.answer(to: WrongMethod(allowed: allowed), request)
      case .notFound:
        if let page = await pages?.respond(to: request) { return failures.marked(page) }
        return failures.answer(to: UnknownRoute(), request)
      }
    } catch {
      return failures.answer(to: error, request)
    }
  }

  /// An unknown route has no limit: nobody reads its body, and the client shall hear 404, not 413.
  package func bodyLimit(for method: HTTPRequest.Method, _ target: RequestTarget) -> Int64? {
    guard case .route(let route, _) = router.match(method, target.segments) else { return nil }
    return route.bodyLimit
  }

  package func refusal(_ refusal: Refusal) -> Response { failures.answer(to: refusal, nil) }
}
