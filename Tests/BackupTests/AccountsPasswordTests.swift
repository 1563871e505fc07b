import Dispatch
import Ground
import Testing

@testable import Backup

@Suite struct AccountsPasswordTests {
  private let cheap = AccountsFixture.cheap

  @Test func aHashTellsItsOwnCostAndSalt() throws {
    let hash = try PasswordHash("pässword", cost: cheap)
    #expect(hash.text.hasPrefix("scrypt$n=16,r=1,p=1$"))
    let read = try #require(PasswordHash(hash.text))
    #expect(read == hash)
    #expect(try read.matches("pässword"))
    #expect(try !read.matches("passwort"))
    #expect(try PasswordHash("pässword", cost: cheap).text != hash.text)
  }

  /// The second test vector of RFC 7914 section 12.
  @Test func agreesWithTheStandard() throws {
    let hash = scrypt(password: "password", salt: Array("NaCl".utf8), n: 1024, r: 8, p: 16, length: 64)
    #expect(
      hash.map(Hex.encode)?.hasPrefix("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622e") == true)
  }

  @Test(arguments: [
    "", "scrypt", "bcrypt$n=16,r=1,p=1$00$00", "scrypt$n=16,r=1$SALT$HASH", "scrypt$n=16,r=1,p=1,q=1$SALT$HASH",
    "scrypt$n=15,r=1,p=1$SALT$HASH", "scrypt$n=4294967296,r=8,p=1$SALT$HASH", "scrypt$n=16,r=1,p=4000$SALT$HASH",
    "scrypt$n=16,r=1,p=1$SALT$00", "scrypt$n=16,r=1,p=1$xx$HASH", "scrypt$n=-16,r=1,p=1$SALT$HASH",
    "scrypt$n=0,r=0,p=0$SALT$HASH",
  ])
  func damagedHashesAreNotRead(_ text: String) {
    let full = text.split(separator: "$", omittingEmptySubsequences: false).map { part -> String in
      part == "SALT"
        ? String(repeating: "ab", count: 16) : part == "HASH" ? String(repeating: "cd", count: 32) : String(part)
    }
    #expect(PasswordHash(full.joined(separator: "$")) == nil)
  }

  @Test func aRaisedCostIsAppliedAtTheNextLogin() async throws {
    let fixture = try await AccountsFixture()
    let anna = try await fixture.addUser()
    let stronger = try fixture.otherProcess(cost: PasswordCost(n: 32, r: 1, p: 1))
    for _ in 0..<2 {
      _ = try await stronger.login(
        email: anna.email, password: "correct anna", device: LoginDevice(type: "", system: "", appVersion: nil),
        address: "192.0.2.1")
      #expect(try await fixture.catalog.passwordHash(of: anna.id)?.hasPrefix("scrypt$n=32,r=1,p=1$") == true)
    }
  }

  @Test func theQueueForHashesIsBounded() async throws {
    let desk = PasswordDesk()
    let gate = DispatchSemaphore(value: 0)
    let served = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<40 {
        group.addTask {
          do {
            // The first stands at the desk until the gate opens, on the desk's own thread.
            try await desk.run { gate.wait() }
            return true
          } catch {
            #expect(error as? BackupError == .tooManyAttempts(retryAfter: 1))
            return false
          }
        }
      }
      // One at the desk and 16 who wait; the other 23 are sent away while nobody has been served.
      for _ in 0..<23 { #expect(await group.next() == false) }
      for _ in 0..<17 { gate.signal() }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(served == 17)
  }
}
