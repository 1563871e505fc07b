import HTTPServer
import HTTPTypes

extension APIResponder {
  /// Every URL that answers: method, path, permission, handler. `docs/api.md` lists the same, and a test compares them.
  /// Paths, permissions and shapes of `/api` are Immich's; what stands here and nowhere else is what is supported.
  static func routes(
    server: ServerHandlers, logins: LoginHandlers, users: UserHandlers, keys: APIKeyHandlers, assets: AssetHandlers,
    upload: UploadDoor, raw: RawDoor, upstream: UpstreamUpload, uploads: UploadResource, albums: AlbumHandlers
  ) -> [Endpoint] {
    [
      .open(.get, "/healthz", server.health),
      .open(.get, "/readyz", server.readiness),
      .open(.get, "/.well-known/immich", server.wellKnown),

      .open(.get, "/api/server/ping", server.ping),
      .open(.get, "/api/server/version", server.versionNumbers),
      .open(.get, "/api/server/version-history", server.versionHistory),
      .open(.get, "/api/server/features", server.features),
      .open(.get, "/api/server/config", server.config),
      .open(.get, "/api/server/media-types", server.mediaTypes),
      .user(.get, "/api/server/about", "server.about", server.about),
      .user(.get, "/api/server/storage", "server.storage", server.storage),
      .user(.get, "/api/server/version-check", "server.versionCheck", server.versionCheck),
      .admin(.get, "/api/server/statistics", "server.statistics", server.statistics),

      .open(.post, "/api/auth/admin-sign-up", logins.signUpAdmin),
      .open(.post, "/api/auth/login", logins.login),
      .user(.post, "/api/auth/logout", nil, logins.logout),
      .user(.post, "/api/auth/validateToken", nil, logins.validateToken),
      .user(.get, "/api/auth/status", nil, logins.status),
      .user(.post, "/api/auth/change-password", "auth.changePassword", logins.changePassword),

      .user(.get, "/api/users", "user.read", users.list),
      .user(.get, "/api/users/me", "user.read", users.me),
      .user(.put, "/api/users/me", "user.update", users.updateMe),
      .user(.get, "/api/users/me/preferences", "userPreference.read", users.preferences),
      .user(.put, "/api/users/me/preferences", "userPreference.update", users.updatePreferences),

      .user(.get, "/api/api-keys", "apiKey.read", keys.list),
      .user(.post, "/api/api-keys", "apiKey.create", keys.create),
      .user(.get, "/api/api-keys/me", nil, keys.me),
      .user(.get, "/api/api-keys/{id}", "apiKey.read", keys.read),
      .user(.put, "/api/api-keys/{id}", "apiKey.update", keys.update),
      .user(.delete, "/api/api-keys/{id}", "apiKey.delete", keys.delete),

      // A file's size is limited by the disk and the owner's quota alone.
      .user(.post, "/api/assets", UploadAuthorization.permission, body: nil, upload.receive),
      .open(.options, "/api/assets", raw.discover),
      .user(.post, "/api/assets/background", UploadAuthorization.permission, body: nil, raw.receive),
      .open(.options, "/api/assets/background", raw.discover),
      .user(.post, "/api/assets/bulk-upload-check", UploadAuthorization.permission, body: 16 << 20, assets.bulkCheck),
      .user(.get, "/api/assets/statistics", "asset.statistics", assets.statistics),
      .user(.get, "/api/assets/{id}", "asset.read", assets.read),
      .user(.get, "/api/assets/{id}/original", "asset.download", assets.original),
      .user(.delete, "/api/assets", "asset.delete", body: 4 << 20, assets.trash),
      .user(.post, "/api/trash/restore/assets", "asset.delete", body: 4 << 20, assets.restore),

      // The address of an upload is a secret: see `UploadToken`.
      .user(.post, "/api/backup/assets", UploadAuthorization.permission, body: nil, raw.receive),
      .user(.put, "/api/backup/assets", UploadAuthorization.permission, body: nil, raw.receive),
      .user(.patch, "/api/backup/assets", UploadAuthorization.permission, body: nil, raw.patch),
      .open(.options, "/api/backup/assets", raw.discover),
      .user(.post, "/api/backup/assets/{name}", UploadAuthorization.permission, body: nil, raw.receive),
      .user(.put, "/api/backup/assets/{name}", UploadAuthorization.permission, body: nil, raw.receive),
      .open(.options, "/api/backup/assets/{name}", raw.discover),
      .user(.post, "/api/upload", UploadAuthorization.permission, body: nil, upstream.create),
      .open(.options, "/api/upload", raw.discover),
      .user(.head, "/api/upload/{id}", UploadAuthorization.permission, upstream.head),
      .user(.patch, "/api/upload/{id}", UploadAuthorization.permission, body: nil, upstream.append),
      .user(.delete, "/api/upload/{id}", UploadAuthorization.permission, upstream.cancel),
      .open(.options, "/api/upload/{id}", raw.discover),

      .open(.options, "/api/backup/uploads", uploads.discover),
      .user(.post, "/api/backup/uploads", UploadAuthorization.permission, body: nil, uploads.create),
      .user(.get, "/api/backup/uploads", UploadAuthorization.permission, uploads.list),
      .open(.options, "/api/backup/uploads/{id}", uploads.discover),
      .holder(.head, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, uploads.head),
      .user(.get, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, uploads.read),
      .holder(.patch, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, uploads.append),
      .holder(.delete, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, uploads.cancel),
      .holder(.post, "/api/backup/uploads/{id}", UploadAuthorization.permission, body: nil, uploads.override),

      .user(.get, "/api/albums", "album.read", albums.list),
      .user(.post, "/api/albums", "album.create", body: 4 << 20, albums.create),
      .user(.get, "/api/albums/statistics", "album.statistics", albums.statistics),
      .user(.get, "/api/albums/{id}", "album.read", albums.read),
      .user(.patch, "/api/albums/{id}", "album.update", albums.update),
      .user(.delete, "/api/albums/{id}", "album.delete", albums.delete),
      .user(.put, "/api/albums/{id}/assets", "albumAsset.create", body: 4 << 20, albums.addAssets),
      .user(.delete, "/api/albums/{id}/assets", "albumAsset.delete", body: 4 << 20, albums.removeAssets),
    ]
  }
}
