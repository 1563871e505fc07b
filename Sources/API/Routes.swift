import HTTPServer
import HTTPTypes

extension APIResponder {
  /// Every URL that answers: method, path, permission, handler. `docs/api.md` lists the same, and a test compares them.
  /// Paths, permissions and shapes of `/api` are Immich's; what stands here and nowhere else is what is supported.
  static func routes(_ all: Handlers) -> [Endpoint] {
    [
      .open(.get, "/healthz", all.server.health),
      .open(.get, "/readyz", all.server.readiness),
      .open(.get, "/.well-known/immich", all.server.wellKnown),

      .open(.get, "/api/server/ping", all.server.ping),
      .open(.get, "/api/server/version", all.server.versionNumbers),
      .open(.get, "/api/server/version-history", all.server.versionHistory),
      .open(.get, "/api/server/features", all.server.features),
      .open(.get, "/api/server/config", all.server.config),
      .open(.get, "/api/server/media-types", all.server.mediaTypes),
      .user(.get, "/api/server/about", "server.about", all.server.about),
      .user(.get, "/api/server/storage", "server.storage", all.server.storage),
      .user(.get, "/api/server/version-check", "server.versionCheck", all.server.versionCheck),
      .admin(.get, "/api/server/statistics", "server.statistics", all.server.statistics),

      .open(.post, "/api/auth/admin-sign-up", all.logins.signUpAdmin),
      .open(.post, "/api/auth/login", all.logins.login),
      .user(.post, "/api/auth/logout", nil, all.logins.logout),
      .user(.post, "/api/auth/validateToken", nil, all.logins.validateToken),
      .user(.get, "/api/auth/status", nil, all.logins.status),
      .user(.post, "/api/auth/change-password", "auth.changePassword", all.logins.changePassword),

      .user(.get, "/api/users", "user.read", all.users.list),
      .user(.get, "/api/users/me", "user.read", all.users.me),
      .user(.put, "/api/users/me", "user.update", all.users.updateMe),
      .user(.get, "/api/users/me/preferences", "userPreference.read", all.users.preferences),
      .user(.put, "/api/users/me/preferences", "userPreference.update", all.users.updatePreferences),

      .user(.get, "/api/users/{id}", "user.read", all.users.read),
      .user(.get, "/api/users/{id}/profile-image", "userProfileImage.read", all.users.profileImage),

      .admin(.get, "/api/admin/users", "adminUser.read", all.adminUsers.list),
      .admin(.post, "/api/admin/users", "adminUser.create", all.adminUsers.create),
      .admin(.get, "/api/admin/users/{id}", "adminUser.read", all.adminUsers.read),
      .admin(.put, "/api/admin/users/{id}", "adminUser.update", all.adminUsers.update),
      .admin(.delete, "/api/admin/users/{id}", "adminUser.delete", all.adminUsers.delete),
      .admin(.post, "/api/admin/users/{id}/restore", "adminUser.delete", all.adminUsers.restore),

      .user(.get, "/api/sessions", "session.read", all.sessions.list),
      .user(.delete, "/api/sessions", "session.delete", all.sessions.endOthers),
      .user(.delete, "/api/sessions/{id}", "session.delete", all.sessions.end),

      .user(.get, "/api/api-keys", "apiKey.read", all.keys.list),
      .user(.post, "/api/api-keys", "apiKey.create", all.keys.create),
      .user(.get, "/api/api-keys/me", nil, all.keys.me),
      .user(.get, "/api/api-keys/{id}", "apiKey.read", all.keys.read),
      .user(.put, "/api/api-keys/{id}", "apiKey.update", all.keys.update),
      .user(.delete, "/api/api-keys/{id}", "apiKey.delete", all.keys.delete),

      // A file's size is limited by the disk and the owner's quota alone.
      .user(.post, "/api/assets", UploadAuthorization.permission, body: nil, all.upload.receive),
      .open(.options, "/api/assets", all.raw.discover),
      .user(.post, "/api/assets/background", UploadAuthorization.permission, body: nil, all.raw.receive),
      .open(.options, "/api/assets/background", all.raw.discover),
      .user(
        .post, "/api/assets/bulk-upload-check", UploadAuthorization.permission, body: 16 << 20, all.assets.bulkCheck),
      .user(.get, "/api/assets/statistics", "asset.statistics", all.assets.statistics),
      .user(.get, "/api/assets/{id}", "asset.read", all.assets.read),
      .user(.put, "/api/assets", "asset.update", body: 4 << 20, all.assets.changeAll),
      .user(.put, "/api/assets/{id}", "asset.update", all.assets.change),
      .user(.get, "/api/assets/{id}/thumbnail", "asset.view", all.media.thumbnail),
      .user(.get, "/api/assets/{id}/video/playback", "asset.view", all.media.playback),
      .user(.get, "/api/assets/{id}/original", "asset.download", all.assets.original),
      .user(.delete, "/api/assets", "asset.delete", body: 4 << 20, all.trash.delete),
      .user(.post, "/api/trash/empty", "asset.delete", all.trash.empty),
      .user(.post, "/api/trash/restore", "asset.delete", all.trash.restoreAll),
      .user(.post, "/api/trash/restore/assets", "asset.delete", body: 4 << 20, all.trash.restore),

      .user(.post, "/api/download/info", "asset.download", body: 4 << 20, all.downloads.plan),
      .user(.post, "/api/download/archive", "asset.download", body: 4 << 20, all.downloads.archive),

      .user(.get, "/api/timeline/buckets", "asset.read", all.timeline.months),
      .user(.get, "/api/timeline/bucket", "asset.read", all.timeline.month),

      .user(.post, "/api/search/metadata", "asset.read", all.search.metadata),
      .user(.post, "/api/search/random", "asset.read", all.search.random),
      .user(.post, "/api/search/statistics", "asset.statistics", all.search.statistics),
      .user(.post, "/api/search/smart", "asset.read", all.search.smart),
      .user(.get, "/api/search/suggestions", "asset.read", all.search.suggestions),
      .user(.get, "/api/search/explore", "asset.read", all.search.explore),
      .user(.get, "/api/search/cities", "asset.read", all.search.nothing),
      .user(.get, "/api/search/places", "asset.read", all.search.nothingNamed),
      .user(.get, "/api/search/person", "person.read", all.search.nothingNamed),

      // The address of an upload is a secret: see `UploadToken`.
      .user(.post, "/api/backup/assets", UploadAuthorization.permission, body: nil, all.raw.receive),
      .user(.put, "/api/backup/assets", UploadAuthorization.permission, body: nil, all.raw.receive),
      .user(.patch, "/api/backup/assets", UploadAuthorization.permission, body: nil, all.raw.patch),
      .open(.options, "/api/backup/assets", all.raw.discover),
      .user(.post, "/api/backup/assets/{name}", UploadAuthorization.permission, body: nil, all.raw.receive),
      .user(.put, "/api/backup/assets/{name}", UploadAuthorization.permission, body: nil, all.raw.receive),
      .open(.options, "/api/backup/assets/{name}", all.raw.discover),
      .user(.post, "/api/upload", UploadAuthorization.permission, body: nil, all.upstream.create),
      .open(.options, "/api/upload", all.raw.discover),
      .user(.head, "/api/upload/{id}", UploadAuthorization.permission, all.upstream.head),
      .user(.patch, "/api/upload/{id}", UploadAuthorization.permission, body: nil, all.upstream.append),
      .user(.delete, "/api/upload/{id}", UploadAuthorization.permission, all.upstream.cancel),
      .open(.options, "/api/upload/{id}", all.raw.discover),

      .open(.options, "/api/backup/uploads", all.uploads.discover),
      .user(.post, "/api/backup/uploads", UploadAuthorization.permission, body: nil, all.uploads.create),
      .user(.get, "/api/backup/uploads", UploadAuthorization.permission, all.uploads.list),
      .open(.options, "/api/backup/uploads/{id}", all.uploads.discover),
      .holder(.head, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, all.uploads.head),
      .user(.get, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, all.uploads.read),
      .holder(.patch, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, all.uploads.append),
      .holder(.delete, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, all.uploads.cancel),
      .holder(.post, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, all.uploads.override),

      .user(.get, "/api/backup/devices", "session.read", all.devices.list),
      .user(.get, "/api/backup/devices/{id}", "session.read", all.devices.read),
      .user(.patch, "/api/backup/devices/{id}", "session.update", all.devices.change),
      .user(.delete, "/api/backup/devices/{id}", "session.delete", all.devices.revoke),
      .user(.post, "/api/backup/devices/{id}/merge", "session.update", all.devices.merge),
      .user(.post, "/api/backup/devices/{id}/check-in", UploadAuthorization.permission, all.devices.checkIn),
      .user(.post, "/api/backup/devices/{id}/tickle", "session.update", all.devices.tickle),
      .user(.get, "/api/backup/devices/{id}/tickles", "session.read", all.devices.listTickles),
      .user(.get, "/api/backup/devices/{id}/push", UploadAuthorization.permission, all.push.read),
      .user(.put, "/api/backup/devices/{id}/push", UploadAuthorization.permission, all.push.register),
      .user(.delete, "/api/backup/devices/{id}/push", UploadAuthorization.permission, all.push.remove),
      .user(.post, "/api/backup/devices/{id}/push/confirm", UploadAuthorization.permission, all.push.confirm),
      .user(.get, "/api/backup/devices/{id}/support", "session.read", all.devices.support),
      .user(.get, "/api/backup/alerts", "session.read", all.alerts.read),
      .user(.put, "/api/backup/alerts", "session.update", all.alerts.set),
      .user(.post, "/api/backup/alerts/channels", "session.update", all.alerts.add),
      .user(.delete, "/api/backup/alerts/channels/{id}", "session.update", all.alerts.remove),
      .user(.post, "/api/backup/alerts/channels/{id}/confirm", "session.update", all.alerts.confirm),
      .user(.post, "/api/backup/alerts/channels/{id}/test", "session.update", all.alerts.test),
      .user(.get, "/api/backup/activity", "session.read", all.activity.list),
      .user(.get, "/api/backup/activity/summary", "session.read", all.activity.summary),
      .user(.get, "/api/backup/canary", "session.read", all.activity.canary),
      .user(.get, "/api/backup/events", "session.read", all.events.open),
      .user(.get, "/api/backup/overview", "session.read", all.overview.overview),
      .user(.get, "/api/backup/outbound", "session.read", all.overview.outbound),
      .admin(.get, "/api/backup/outbound/hosts", "adminUser.read", all.push.hosts),
      .admin(.put, "/api/backup/outbound/hosts", "adminUser.update", all.push.setHosts),
      .user(.get, "/api/backup/pairing", "session.read", all.overview.pairing),

      .user(.post, "/api/sync/stream", "sync.stream", all.sync.stream),
      .user(.get, "/api/sync/ack", "syncCheckpoint.read", all.sync.acknowledged),
      .user(.post, "/api/sync/ack", "syncCheckpoint.update", all.sync.acknowledge),
      .user(.delete, "/api/sync/ack", "syncCheckpoint.delete", all.sync.forget),

      .user(.get, "/api/socket.io", SocketHandlers.permission, all.socket.connect),

      .user(.get, "/api/albums", "album.read", all.albums.list),
      .user(.post, "/api/albums", "album.create", body: 4 << 20, all.albums.create),
      .user(.get, "/api/albums/statistics", "album.statistics", all.albums.statistics),
      .user(.get, "/api/albums/{id}", "album.read", all.albums.read),
      .user(.patch, "/api/albums/{id}", "album.update", all.albums.update),
      .user(.delete, "/api/albums/{id}", "album.delete", all.albums.delete),
      .user(.put, "/api/albums/{id}/assets", "albumAsset.create", body: 4 << 20, all.albums.addAssets),
      .user(.delete, "/api/albums/{id}/assets", "albumAsset.delete", body: 4 << 20, all.albums.removeAssets),
      .user(.put, "/api/albums/{id}/users", "albumUser.create", all.albums.addPeople),
      .user(.put, "/api/albums/{id}/user/{userId}", "albumUser.update", all.albums.setRole),
      .user(.delete, "/api/albums/{id}/user/{userId}", "albumUser.delete", all.albums.removePerson),

      .user(.get, "/api/tags", "tag.read", all.tags.list),
      .user(.post, "/api/tags", "tag.create", all.tags.create),
      .user(.put, "/api/tags", "tag.create", body: 4 << 20, all.tags.upsert),
      .user(.put, "/api/tags/assets", "tag.asset", body: 4 << 20, all.tags.addMany),
      .user(.get, "/api/tags/{id}", "tag.read", all.tags.read),
      .user(.put, "/api/tags/{id}", "tag.update", all.tags.change),
      .user(.delete, "/api/tags/{id}", "tag.delete", all.tags.delete),
      .user(.put, "/api/tags/{id}/assets", "tag.asset", body: 4 << 20, all.tags.addAssets),
      .user(.delete, "/api/tags/{id}/assets", "tag.asset", body: 4 << 20, all.tags.removeAssets),

      .admin(.get, "/api/jobs", "job.read", all.jobs.list),
      .admin(.put, "/api/jobs/{name}", "job.create", all.jobs.command),

      // What there is none of.
      .user(.get, "/api/people", "person.read", all.empty.people),
      .user(.get, "/api/faces", "face.read", all.empty.faces),
      .user(.get, "/api/stacks", "stack.read", all.empty.none),
      .user(.post, "/api/stacks", "stack.create", EmptyHandlers.refused("Stacks")),
      .user(.get, "/api/memories", "memory.read", all.empty.none),
      .user(.get, "/api/memories/statistics", "memory.statistics", all.empty.memoryStatistics),
      .user(.get, "/api/partners", "partner.read", all.empty.none),
      .user(.get, "/api/map/markers", "map.read", all.empty.none),
      .user(.get, "/api/activities", "activity.read", all.empty.none),
      .user(.post, "/api/activities", "activity.create", EmptyHandlers.refused("Comments and likes")),
      .user(.get, "/api/activities/statistics", "activity.statistics", all.empty.activityStatistics),
      .user(.get, "/api/shared-links", "sharedLink.read", all.empty.none),
      .user(.post, "/api/shared-links", "sharedLink.create", EmptyHandlers.refused("Shared links")),
    ]
  }
}

/// Everybody who answers.
struct Handlers: Sendable {
  let server: ServerHandlers
  let logins: LoginHandlers
  let users: UserHandlers
  let keys: APIKeyHandlers
  let assets: AssetHandlers
  let media: MediaHandlers
  let timeline: TimelineHandlers
  let search: SearchHandlers
  let upload: UploadDoor
  let raw: RawDoor
  let upstream: UpstreamUpload
  let uploads: UploadResource
  let albums: AlbumHandlers
  let tags: TagHandlers
  let trash: TrashHandlers
  let downloads: DownloadHandlers
  let adminUsers: AdminUserHandlers
  let sessions: SessionHandlers
  let jobs: JobHandlers
  let empty: EmptyHandlers
  let sync: SyncHandlers
  let devices: DeviceHandlers
  let push: PushHandlers
  let alerts: AlertHandlers
  let activity: ActivityHandlers
  let events: EventStream
  let overview: OverviewHandlers
  let socket: SocketHandlers
}
