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
    let authentication = Authentication(
      accounts: backup.accounts, forwarding: forwarding, contacts: backup.devices.contacts)
    failures = Failures(logger: logger)
    router = Router(
      APIResponder.endpoints(backup, options, authentication, forwarding, failures).map { $0.route(authentication) })
    pages = options.publicFolder.map { Pages(folder: $0) }
  }

  /// Everything that answers, put together.
  static func endpoints(
    _ backup: Backup, _ options: APIOptions, _ authentication: Authentication, _ forwarding: Forwarding,
    _ failures: Failures
  ) -> [Endpoint] {
    let address = UploadAddress(publicURL: options.publicURL)
    let authorization = UploadAuthorization(authentication: authentication, uploads: backup.uploads)
    let pump = UploadPump(desk: backup.desk)
    let assets = AssetHandlers(assets: backup.assets, holdings: backup.holdings)
    let tus = TusDoor(
      uploads: backup.uploads, pump: pump, address: address, authorization: authorization, failures: failures)
    let draft = DraftDoor(
      uploads: backup.uploads, pump: pump, interim: InterimPolicy(options.interim, logger: failures.logger),
      authorization: authorization, address: address, versions: VersionLog(failures.logger), failures: failures)
    let raw = RawDoor(desk: backup.desk, draft: draft)
    let devices = DeviceHandlers(
      devices: backup.devices, activity: backup.activity, tickles: backup.tickles, version: options.version)
    let hub = SocketHub()
    backup.ready.listen { await hub.announce($0) }
    return routes(
      Handlers(
        server: ServerHandlers(backup: backup, version: options.version),
        logins: LoginHandlers(accounts: backup.accounts, forwarding: forwarding),
        users: UserHandlers(accounts: backup.accounts),
        keys: APIKeyHandlers(accounts: backup.accounts),
        assets: assets,
        media: MediaHandlers(assets: backup.assets, pictures: backup.media, originals: assets),
        timeline: TimelineHandlers(assets: backup.assets, tags: backup.tags),
        search: SearchHandlers(assets: backup.assets),
        upload: UploadDoor(desk: backup.desk, draft: draft),
        raw: raw,
        upstream: UpstreamUpload(uploads: backup.uploads, draft: draft),
        uploads: UploadResource(
          uploads: backup.uploads, address: address, tus: tus, draft: draft, raw: raw, assets: assets),
        albums: AlbumHandlers(albums: backup.albums),
        tags: TagHandlers(tags: backup.tags),
        trash: TrashHandlers(trash: backup.trash),
        downloads: DownloadHandlers(downloads: backup.downloads),
        adminUsers: AdminUserHandlers(accounts: backup.accounts, trash: backup.trash),
        sessions: SessionHandlers(accounts: backup.accounts),
        jobs: JobHandlers(jobs: backup.jobs),
        empty: EmptyHandlers(assets: backup.assets),
        sync: SyncHandlers(sync: backup.sync),
        devices: devices,
        push: PushHandlers(push: backup.push, devices: devices),
        alerts: AlertHandlers(alerts: backup.alerts),
        activity: ActivityHandlers(activity: backup.activity),
        events: EventStream(backup: backup, authentication: authentication),
        overview: OverviewHandlers(backup: backup, forwarding: forwarding, options: options),
        socket: SocketHandlers(hub: hub, authentication: authentication)))
  }

  package func respond(to request: Request) async -> Response {
    var response: Response
    if let preflight = CORS.preflight(request) { response = preflight } else { response = await answer(request) }
    // tus 1.0.0, "Headers": on every answer, whoever gives it.
    if UploadResource.isTus(request) { response.fields.set("Tus-Resumable", TusDoor.version) }
    CORS.mark(&response, to: request)
    return response
  }

  private func answer(_ request: Request) async -> Response {
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
      var response = failures.answer(to: error, request)
      // Whatever refused, before a door or behind it.
      if UploadAddress.isDoor(request.target) { response.fields.setError(error, isBegun: true) }
      return response
    }
  }

  /// An unknown route has no limit: nobody reads its body, and the client shall hear 404, not 413.
  package func bodyLimit(for method: HTTPRequest.Method, _ target: RequestTarget) -> Int64? {
    guard case .route(let route, _) = router.match(method, target.segments) else { return nil }
    return route.bodyLimit
  }

  package func refusal(_ refusal: Refusal) -> Response { failures.answer(to: refusal, nil) }
}
