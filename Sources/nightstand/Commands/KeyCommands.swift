import ArgumentParser
import Backup
import Ground

/// API keys for programs.
struct KeyCommands: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Create, list and revoke API keys.",
    subcommands: [Create.self, List.self, Revoke.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Create a key and print its secret, this once.")

    @OptionGroup var catalog: CatalogOptions
    @Argument(help: "Whose key: the person's e-mail address.") var email: String
    @Option(help: "What the key is for, such as the device or program that uses it.") var name: String
    @Option(
      name: .customLong("permission"), help: "Such as asset.upload; repeat it for several. Default: all.")
    var permissions: [String] = []

    func run() async throws {
      try await catalog.open { backup in
        let created = try await backup.accounts.createKey(
          for: try await backup.user(email).id, name: name, permissions: permissions.isEmpty ? ["all"] : permissions)
        StandardStream.output.write("\(created.secret)\n")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List a person's keys: id, created, permissions, name.")

    @OptionGroup var catalog: CatalogOptions
    @Argument(help: "The person's e-mail address.") var email: String

    func run() async throws {
      try await catalog.open { backup in
        for key in try await backup.accounts.keys(of: try await backup.user(email).id) {
          StandardStream.output.write(
            [
              key.id.description, key.createdAt.iso8601, key.permissions.joined(separator: ","), printable(key.name),
            ].joined(separator: "\t") + "\n")
        }
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Revoke a key; programs that use it are locked out.")

    @OptionGroup var catalog: CatalogOptions
    @Argument(help: "The key's id, from 'nightstand key list'.") var id: String

    func run() async throws {
      guard let id = Identifier(id) else {
        throw OperatorError(.usage, "\(id) is no id", hint: "'nightstand key list EMAIL' shows the ids of keys")
      }
      try await catalog.open { backup in
        guard try await backup.accounts.revokeKey(id) else {
          throw OperatorError(
            .usage, "there is no key \(id)", hint: "'nightstand key list EMAIL' shows the ids of keys")
        }
        StandardStream.output.write("revoked\n")
      }
    }
  }
}
