import Ground
import Store

extension DeviceFacts {
  /// Unicode scalars of a word that a client says of itself.
  private static let longestWord = 80

  /// What a request's fields say of the device: `User-Agent`, and the Immich app's `deviceModel`.
  package init(agent: String, model: String?) {
    let agent = String(agent.prefix(400))
    let model = model.flatMap { $0.isEmpty ? nil : CheckIn.short(String($0.prefix(DeviceFacts.longestWord))) }
    for (prefix, os, client) in DeviceFacts.apps where agent.hasPrefix(prefix) {
      self.init(
        kind: "phone", maker: os == "iOS" ? "Apple" : model.flatMap(DeviceFacts.maker), model: model, os: os,
        client: client, clientVersion: DeviceFacts.version(agent.dropFirst(prefix.count)))
      return
    }
    for (mark, client, kind) in DeviceFacts.programs {
      guard let place = agent.firstRange(of: mark) else { continue }
      self.init(
        kind: kind, model: model, os: DeviceFacts.system(agent)?.name, client: client,
        clientVersion: DeviceFacts.version(agent[place.upperBound...]))
      return
    }
    let system = DeviceFacts.system(agent)
    for (mark, client) in DeviceFacts.browsers {
      guard agent.hasPrefix("Mozilla/"), let place = agent.firstRange(of: mark) else { continue }
      // Safari names its own version elsewhere.
      let version = client == "Safari" ? agent.firstRange(of: "Version/")?.upperBound : place.upperBound
      self.init(
        kind: "browser", maker: ["iOS", "macOS"].contains(system?.name) ? "Apple" : nil, model: model, os: system?.name,
        osVersion: system?.version, client: client,
        clientVersion: version.flatMap { DeviceFacts.version(agent[$0...].prefix { $0 != "." }) })
      return
    }
    // Whatever else: its first word is its name, `/` its version.
    let word = agent.prefix { $0 != " " && $0 != "(" }
    let parts = word.split(separator: "/", maxSplits: 1)
    self.init(
      kind: "program", model: model, os: system?.name,
      client: parts.first.map { CheckIn.short(String($0.prefix(DeviceFacts.longestWord))) },
      clientVersion: parts.count > 1 ? DeviceFacts.version(parts[1]) : nil)
  }

  private static let apps = [
    ("immich-android/", "Android", "Immich for Android"), ("immich-ios/", "iOS", "Immich for iOS"),
  ]
  /// A mark, followed by the version.
  private static let programs = [
    ("immich-go/", "immich-go", "desktop"), ("immich-cli/", "Immich CLI", "desktop"),
    ("HomeAssistant/", "Home Assistant", "program"), ("Home Assistant/", "Home Assistant", "program"),
    ("curl/", "curl", "program"), ("rclone/", "rclone", "desktop"), ("PhotoSync/", "PhotoSync", "phone"),
    ("ImmichFrame", "ImmichFrame", "program"), ("aiohttp/", "aiohttp", "program"),
    ("python-requests/", "Python requests", "program"), ("Dart/", "Dart", "program"),
    ("nightstand/", "Nightstand", "desktop"),
  ]
  /// In the order in which they hide in each other's words.
  private static let browsers = [
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
  ]

  private static func system(_ agent: String) -> (name: String, version: String?)? {
    func behind(_ mark: String, _ separator: Character) -> String? {
      guard let place = agent.firstRange(of: mark) else { return nil }
      let digits = agent[place.upperBound...].prefix { $0.isNumber || $0 == separator }.split(separator: separator)
      return digits.isEmpty ? nil : digits.prefix(2).joined(separator: ".")
    }
    if agent.contains("Android") { return ("Android", behind("Android ", ".")) }
    if agent.contains("iPhone") || agent.contains("iPad") { return ("iOS", behind(" OS ", "_")) }
    if agent.contains("Windows") { return ("Windows", nil) }
    // Browsers have frozen what they say of macOS.
    if agent.contains("Mac OS X") || agent.contains("Darwin") { return ("macOS", nil) }
    if agent.contains("Linux") || agent.contains("linux") { return ("Linux", nil) }
    return nil
  }

  private static func version(_ text: some StringProtocol) -> String? {
    let version = text.prefix(40).prefix { $0.isASCII && ($0.isLetter || $0.isNumber || ".-+_".contains($0)) }
    return version.isEmpty ? nil : String(version)
  }

  /// A model's beginning tells its maker, where the app does not.
  private static let models = [
    ("SM-", "Samsung"), ("Galaxy", "Samsung"), ("Pixel", "Google"), ("Redmi", "Xiaomi"), ("POCO", "Xiaomi"),
    ("Mi ", "Xiaomi"), ("Xiaomi", "Xiaomi"), ("HUAWEI", "Huawei"), ("HONOR", "Honor"), ("ONEPLUS", "OnePlus"),
    ("OnePlus", "OnePlus"), ("CPH", "Oppo"), ("OPPO", "Oppo"), ("RMX", "realme"), ("realme", "realme"),
    ("vivo", "vivo"), ("XQ-", "Sony"), ("Xperia", "Sony"), ("moto", "Motorola"), ("motorola", "Motorola"),
    ("Nokia", "Nokia"), ("iPhone", "Apple"), ("iPad", "Apple"), ("Fairphone", "Fairphone"), ("FP", "Fairphone"),
    ("Nothing", "Nothing"),
  ]

  /// By its model's name.
  package static func maker(_ model: String) -> String? {
    let model = model.lowercased()
    return models.first { model.hasPrefix($0.0.lowercased()) }?.1
  }

  /// Name and version of the client, for what it brings.
  package var clientText: String? {
    client.map { client in clientVersion.map { "\(client) \($0)" } ?? client }
  }
}

extension DeviceFacts {
  /// A word that a client says of itself, fit for a list.
  package static func word(_ text: String) -> String { CheckIn.short(String(text.prefix(longestWord))) }
}
