import ArgumentParser
import Ground

/// Prints every setting from the table that drives them: `docs/configuration.md` is this command's output.
struct ConfigurationReference: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "configuration", abstract: "Print every setting, its variable and its default.")

  @Flag(help: "As the page docs/configuration.md.") var markdown = false

  func run() { StandardStream.output.write(markdown ? page : list) }

  private var rows: [any SettingRow] { Settings.groups.flatMap(\.rows) }

  private var list: String {
    rows.map { "--\($0.name) \($0.placeholder)  \($0.key)  default: \($0.fallbackText ?? "none")\n    \($0.help)\n" }
      .joined()
  }

  private var page: String {
    var text = """
      # Configuration

      Every setting is a flag, else an environment variable, else its default; a flag wins. This page is printed by
      `nightstand configuration --markdown` (`make reference`) and compared with the program by the tests.

      """
    for group in Settings.groups {
      text +=
        "\n## \(group.title)\n\nFor: \(group.commands).\n\n| flag | variable | default | what |\n|---|---|---|---|\n"
      for row in group.rows {
        let rule = row.rule.map { "; \($0)" } ?? ""
        text +=
          "| `--\(row.name) \(row.placeholder)` | `\(row.key)` | \(row.fallbackText.map { "`\($0)`" } ?? "none") | \(row.help)\(rule) |\n"
      }
    }
    text +=
      "\n## Secrets\n\nNever a flag, which every user of the machine can read.\n\n| what | file | variable |\n|---|---|---|\n"
    for secret in Settings.secrets {
      text += "| \(secret.help) | `--\(secret.file.name) FILE` or `\(secret.file.key)` | `\(secret.key)` |\n"
    }
    return text
  }
}
