/// The names of permissions that an API key can carry: Immich's own, so that its clients find what they ask for.
package enum Permissions {
  /// Covers every other one.
  package static let all = "all"

  /// Grouped by what they are about: `album` with `create` is `album.create`.
  private static let actions: KeyValuePairs<String, String> = [
    "activity": "create read update delete statistics",
    "apiKey": "create read update delete",
    "asset": "read update delete statistics share view download upload copy derive edit.get edit.create edit.delete",
    "album": "create read update delete statistics share download",
    "albumAsset": "create delete",
    "albumUser": "create update delete",
    "auth": "changePassword",
    "authDevice": "delete",
    "archive": "read",
    "backup": "list download upload delete",
    "duplicate": "read delete",
    "face": "create read update delete",
    "folder": "read",
    "job": "create read",
    "library": "create read update delete statistics",
    "timeline": "read download",
    "map": "read search",
    "memory": "create read update delete statistics",
    "memoryAsset": "create delete",
    "notification": "create read update delete",
    "partner": "create read update delete",
    "person": "create read update delete statistics merge reassign",
    "pinCode": "create update delete",
    "plugin": "create read update delete",
    "server": "about apkLinks storage statistics versionCheck",
    "serverLicense": "read update delete",
    "session": "create read update delete lock",
    "sharedLink": "create read update delete",
    "stack": "create read update delete",
    "sync": "stream",
    "syncCheckpoint": "read update delete",
    "systemConfig": "read update",
    "systemMetadata": "read update",
    "tag": "create read update delete asset",
    "user": "read update",
    "userLicense": "create read update delete",
    "userOnboarding": "read update delete",
    "userPreference": "read update",
    "userProfileImage": "create read update delete",
    "queue": "read update",
    "queueJob": "create read update delete",
    "workflow": "create read update delete",
    "adminUser": "create read update delete",
    "adminSession": "read",
    "adminAuth": "unlinkAll",
  ]

  /// Every name there is.
  package static let names: Set<String> = {
    var names: Set<String> = [all, "maintenance"]
    for (subject, verbs) in actions {
      for verb in verbs.split(separator: " ") { names.insert("\(subject).\(verb)") }
    }
    return names
  }()
}
