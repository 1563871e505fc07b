import Backup
import HTTPServer
import HTTPTypes

extension LoginDevice {
  private static let browsers = [
    ("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
  ]
  private static let systems = [
    ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
  ]

  /// What the request's fields say: the app's `immich-android/3.1.0`, its `deviceModel`, or a browser's User-Agent.
  init(of request: Request) {
    let agent = request[.userAgent] ?? ""
    let model = HTTPField.Name("deviceModel").flatMap { request[$0] }.map { String($0.prefix(100)) }
    for (prefix, type) in [("immich-android/", "Android"), ("immich-ios/", "iOS")] where agent.hasPrefix(prefix) {
      let version = agent.dropFirst(prefix.count).prefix { $0 != " " }.prefix(50)
      self.init(type: type, system: model ?? "", appVersion: version.isEmpty ? nil : String(version))
      return
    }
    self.init(
      type: LoginDevice.browsers.first { agent.contains($0.0) }?.1 ?? "",
      system: model ?? LoginDevice.systems.first { agent.contains($0.0) }?.1 ?? "", appVersion: nil)
  }
}
