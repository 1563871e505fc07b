import ArgumentParser
import Backup
import Ground

/// Accounts, without a running server or beside one.
struct UserCommands: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user", abstract: "Add and list people, set their passwords, and let their phones start again.",
    subcommands: [Add.self, List.self, Password.self, Resync.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a person.",
      discussion: "Reads the password from --password-file, NIGHTSTAND_PASSWORD, or standard input.")

    @OptionGroup var catalog: CatalogOptions
    @OptionGroup var password: PasswordOptions
    @Argument(help: "The person's e-mail address, which is the login.") var email: String
    @Option(help: "The person's name; default: the address up to the @.") var name: String?
    @Flag(help: "May manage the server and everyone's accounts.") var admin = false
    @Option(help: "How much the person may store, such as 200G; default: no limit.") var quota: ByteCount?

    func run() async throws {
      let secret = try password.read()
      try await catalog.open(create: true) { backup in
        let user = try await backup.accounts.add(
          email: email, password: secret, name: name ?? String(email.prefix { $0 != "@" }), isAdmin: admin,
          quota: quota?.value)
        StandardStream.output.write("\(user.id) \(printable(user.email))\n")
        if try await !backup.accounts.hasAdmin() {
          StandardStream.error.write(
            "note: nobody is admin yet, and nobody can sign up now that there is a user; "
              + "'nightstand user add --admin' makes an admin\n")
        }
      }
    }
  }

  struct Resync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let phones load everything anew at their next sync.",
      discussion: "For when the catalog was put back to an older state: phones know more than it does then.")

    @OptionGroup var catalog: CatalogOptions
    @Argument(help: "The person's e-mail address; default: everybody.") var email: String?

    func run() async throws {
      try await catalog.open { backup in
        var user: Identifier?
        if let email { user = try await backup.user(email).id }
        StandardStream.output.write("\(try await backup.sync.restart(user)) logins\n")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List people: id, e-mail, role, bytes used, quota, name.")

    @OptionGroup var catalog: CatalogOptions

    func run() async throws {
      try await catalog.open { backup in
        for user in try await backup.accounts.list() {
          let quota = user.quota.map(String.init) ?? "-"
          let role = user.isAdmin ? "admin" : "user"
          StandardStream.output.write(
            [user.id.description, printable(user.email), role, String(user.used), quota, printable(user.name)]
              .joined(separator: "\t") + "\n")
        }
      }
    }
  }

  struct Password: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Set a person's password; every login of theirs ends.",
      discussion: "Reads the password from --password-file, NIGHTSTAND_PASSWORD, or standard input.")

    @OptionGroup var catalog: CatalogOptions
    @OptionGroup var password: PasswordOptions
    @Argument(help: "The person's e-mail address.") var email: String

    func run() async throws {
      let secret = try password.read()
      try await catalog.open { backup in
        try await backup.accounts.setPassword(secret, of: try await backup.user(email).id)
        StandardStream.output.write("password set; every login of \(printable(email)) has ended\n")
      }
    }
  }
}

extension Backup {
  /// - Throws: `OperatorError` where nobody has that address.
  func user(_ email: String) async throws -> User {
    guard let user = try await accounts.user(email: email) else {
      throw OperatorError(.usage, "nobody has the address \(email)", hint: "'nightstand user list' shows everyone")
    }
    return user
  }
}
