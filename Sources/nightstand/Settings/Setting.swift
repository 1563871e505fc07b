import ArgumentParser
import Ground

/// One thing an operator may set: as a flag, else as an environment variable, else left at its default.
/// The rows stand in `Settings`; flags, help, the environment and the printed reference all come from them.
struct Setting<Value: ExpressibleByArgument & Sendable>: Sendable {
  /// Such as `max-connections`, which is `--max-connections` and `NIGHTSTAND_MAX_CONNECTIONS`.
  let name: String
  let placeholder: String
  let fallback: Value?
  let help: String
  /// What the value must be, beyond its type, in words and as a test.
  let rule: String?
  let accepts: @Sendable (Value) -> Bool

  init(
    _ name: String, _ placeholder: String, default fallback: Value? = nil, _ help: String, rule: String? = nil,
    accepts: @escaping @Sendable (Value) -> Bool = { _ in true }
  ) {
    (self.name, self.placeholder, self.fallback, self.help) = (name, placeholder, fallback, help)
    (self.rule, self.accepts) = (rule, accepts)
  }

  var key: String { environmentKey(name) }

  /// The value that holds; nil where nobody set one and there is no default.
  func resolve(_ flag: Value?) throws -> Value? {
    if let flag {
      guard accepts(flag) else {
        throw OperatorError(
          .usage, "--\(name) \(flag.defaultValueDescription) is not \(rule ?? "valid")",
          hint: "run 'nightstand help serve'")
      }
      return flag
    }
    guard let text = ThisProcess.environment(key), !text.isEmpty else { return fallback }
    guard let value = Value(argument: text), accepts(value) else {
      throw OperatorError(
        .configuration, "\(key) is '\(printable(text))', which is not \(rule ?? "a valid \(placeholder)")",
        hint: "correct or unset \(key); 'nightstand configuration --markdown' lists every variable")
    }
    return value
  }

  /// As `resolve`, for settings that have a default or cannot be left out.
  func require(_ flag: Value?) throws -> Value {
    guard let value = try resolve(flag) else {
      throw OperatorError(
        .usage, "--\(name) is not set", hint: "pass --\(name) \(placeholder) or set \(key): \(help.lowercasedFirst)")
    }
    return value
  }
}

/// What the printed reference needs of a row, whatever its type.
protocol SettingRow: Sendable {
  var name: String { get }
  var placeholder: String { get }
  var key: String { get }
  var help: String { get }
  var rule: String? { get }
  var fallbackText: String? { get }
}

extension Setting: SettingRow {
  var fallbackText: String? { fallback?.defaultValueDescription }
}

extension Option {
  /// The flag of a row.
  init<T>(_ setting: Setting<T>) where Value == T? {
    let fallback = setting.fallbackText.map { "; default: \($0)" } ?? ""
    self.init(
      name: .customLong(setting.name),
      help: ArgumentHelp("\(setting.help) (\(setting.key)\(fallback))", valueName: setting.placeholder))
  }
}

/// A secret never stands on the command line, where every user of the machine can read it, but in a file or in the environment.
struct SecretSetting: Sendable {
  let name: String
  let help: String

  var key: String { environmentKey(name) }
  var file: Setting<String> { Setting("\(name)-file", "FILE", "A file with \(help.lowercasedFirst) as its first line") }

  /// The file's first line, else the variable's value; nil where neither is set.
  func resolve(file flag: String?) throws -> String? {
    if let path = try file.resolve(flag) {
      do {
        let bytes = try FileSystem.contents(path, limit: 64 << 10)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
      } catch {
        throw OperatorError(error)
      }
    }
    guard let value = ThisProcess.environment(key), !value.isEmpty else { return nil }
    return value
  }
}

private func environmentKey(_ name: String) -> String {
  "NIGHTSTAND_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
}

extension String {
  fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
