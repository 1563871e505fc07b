import Backup
import Ground
import Media

struct VersionShape: Encodable {
  let major = ServerHandlers.immichVersion.major
  let minor = ServerHandlers.immichVersion.minor
  let patch = ServerHandlers.immichVersion.patch
  @Nullable var prerelease: Int?
}

/// What of Immich is here. The app reads map, trash, oauth and passwordLogin.
struct FeaturesShape: Encodable {
  let passwordLogin = true
  let sidecar = true
  let trash = true
  let configFile = false
  let duplicateDetection = false
  let email = false
  let facialRecognition = false
  let importFaces = false
  let map = false
  let oauth = false
  let oauthAutoLaunch = false
  let ocr = false
  let realtimeTranscoding = false
  let reverseGeocoding = false
  let search = false
  let smartSearch = false
}

struct ConfigShape: Encodable {
  /// False means: there is no admin yet, sign up.
  let isInitialized: Bool
  let isOnboarded: Bool
  let loginPageMessage = ""
  /// How many days something lies in the trash.
  let trashDays: Int
  /// How many days a deleted person can be restored.
  let userDeleteDelay: Int
  let oauthButtonText = ""
  let externalDomain = ""
  /// Everybody may see who else there is.
  let publicUsers = true
  let mapDarkStyleUrl = ""
  let mapLightStyleUrl = ""
  let maintenanceMode = false
  let minFaces = 3

  init(isInitialized: Bool, limits: Trash.Limits) {
    (self.isInitialized, isOnboarded) = (isInitialized, isInitialized)
    (trashDays, userDeleteDelay) = (limits.trashDays, limits.userDays)
  }
}

/// Immich's version for clients that parse it, and beside it what this really is.
struct AboutShape: Encodable {
  let version: String
  let versionUrl = ""
  let licensed = false
  let repository = "nightstand"
  let build: String

  init(build: String) {
    let immich = ServerHandlers.immichVersion
    version = "v\(immich.major).\(immich.minor).\(immich.patch)"
    self.build = build
  }
}

/// Extensions with their dot, lower case. immich-go allows no other kind of value in this object.
struct MediaTypesShape: Encodable {
  let image = MediaType.imageExtensions
  let video = MediaType.videoExtensions
  let sidecar = MediaType.sidecarExtensions
}

struct VersionCheckShape: Encodable {
  @Nullable var checkedAt: String?
  @Nullable var releaseVersion: String?
}

struct StorageShape: Encodable {
  let diskSize: String
  let diskUse: String
  let diskAvailable: String
  let diskSizeRaw: Int64
  let diskUseRaw: Int64
  let diskAvailableRaw: Int64
  /// 0 to 100.
  let diskUsagePercentage: Double

  init(free: Int64, total: Int64) {
    let used = max(0, total - free)
    (diskSize, diskUse, diskAvailable) = (
      ByteCount.text(total), ByteCount.text(used), ByteCount.text(free)
    )
    (diskSizeRaw, diskUseRaw, diskAvailableRaw) = (total, used, free)
    diskUsagePercentage = total > 0 ? (Double(used) / Double(total) * 10_000).rounded() / 100 : 0
  }
}

/// Sizes for people.
enum ByteCount {
  /// With one decimal and a binary unit: `1.5 GiB`.
  static func text(_ bytes: Int64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

struct StatisticsShape: Encodable {
  struct Person: Encodable {
    let userId: Identifier
    let userName: String
    let photos: Int
    let videos: Int
    let usage: Int64
    let usagePhotos: Int64
    let usageVideos: Int64
    @Nullable var quotaSizeInBytes: Int64?

    init(_ user: User, _ usage: AssetUsage) {
      (userId, userName) = (user.id, user.name)
      (photos, videos) = (usage.images, usage.videos)
      (usagePhotos, usageVideos) = (usage.imageBytes, usage.videoBytes)
      self.usage = usage.imageBytes + usage.videoBytes
      quotaSizeInBytes = user.quota
    }
  }

  let photos: Int
  let videos: Int
  let usage: Int64
  let usagePhotos: Int64
  let usageVideos: Int64
  let usageByUser: [Person]

  init(_ people: [Person]) {
    photos = people.reduce(0) { $0 + $1.photos }
    videos = people.reduce(0) { $0 + $1.videos }
    usage = people.reduce(0) { $0 + $1.usage }
    usagePhotos = people.reduce(0) { $0 + $1.usagePhotos }
    usageVideos = people.reduce(0) { $0 + $1.usageVideos }
    usageByUser = people
  }
}
