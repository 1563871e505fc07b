import Ground
import Synchronization

/// How much work one password hash is (RFC 7914). Memory is 128 · r · n bytes.
package struct PasswordCost: Sendable, Equatable {
  package let n: UInt64
  package let r: UInt64
  package let p: UInt64

  package init(n: UInt64, r: UInt64, p: UInt64) { (self.n, self.r, self.p) = (n, r, p) }

  /// 32 MiB, some tenths of a second: one of the settings that OWASP's password storage sheet names for scrypt.
  package static let standard = PasswordCost(n: 32_768, r: 8, p: 3)

  /// What a stored hash may ask for, so that a damaged row cannot take the machine's memory: 256 MiB and 16 rounds.
  var isBearable: Bool {
    n > 1 && n & (n - 1) == 0 && r > 0 && p > 0 && r <= 32 && p <= 16 && n <= (256 << 20) / 128 / r
  }
}

/// A password as it is stored: `scrypt$n=32768,r=8,p=3$<salt>$<hash>`, both in hexadecimal. It names its own cost, so that
/// the cost can be raised later and old hashes still verify.
struct PasswordHash: Sendable, Equatable {
  let cost: PasswordCost
  let salt: [UInt8]
  let hash: [UInt8]

  /// Takes the time and the memory of `cost`: only on the password desk.
  init(_ password: String, cost: PasswordCost) throws {
    salt = randomBytes(16)
    guard let hash = scrypt(password: password, salt: salt, n: cost.n, r: cost.r, p: cost.p, length: 32) else {
      throw PasswordFailure(description: "scrypt got no memory")
    }
    (self.cost, self.hash) = (cost, hash)
  }

  /// Reads `text`; nil for anything that `text` never writes.
  init?(_ stored: String) {
    let parts = stored.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "scrypt", let salt = bytes(hex: parts[2]), let hash = bytes(hex: parts[3]),
      salt.count >= 16, hash.count == 32
    else { return nil }
    var numbers: [UInt64] = []
    for (field, name) in zip(parts[1].split(separator: ",", omittingEmptySubsequences: false), ["n", "r", "p"]) {
      guard field.hasPrefix("\(name)="), let number = UInt64(field.dropFirst(2)) else { return nil }
      numbers.append(number)
    }
    guard numbers.count == 3, parts[1].count(where: { $0 == "," }) == 2 else { return nil }
    cost = PasswordCost(n: numbers[0], r: numbers[1], p: numbers[2])
    guard cost.isBearable else { return nil }
    (self.salt, self.hash) = (salt, hash)
  }

  var text: String { "scrypt$n=\(cost.n),r=\(cost.r),p=\(cost.p)$\(Hex.encode(salt))$\(Hex.encode(hash))" }

  /// Takes as long as making the hash did.
  func matches(_ password: String) throws -> Bool {
    guard
      let other = scrypt(password: password, salt: salt, n: cost.n, r: cost.r, p: cost.p, length: hash.count)
    else { throw PasswordFailure(description: "scrypt got no memory") }
    return constantTimeEqual(other, hash)
  }
}

/// A password could be neither made nor checked; not the client's fault.
struct PasswordFailure: Error, CustomStringConvertible {
  let description: String
}

/// Where passwords are hashed: one after the other, so that at most one hash's memory is in use, and a bounded number
/// of people wait.
final class PasswordDesk: Sendable {
  static let queueLimit = 16

  let lane = Lane(label: "passwords")
  private let inside = Mutex(0)

  /// - Throws: `.tooManyAttempts` where the queue is full, and what `work` throws.
  func run<T: Sendable>(_ work: @Sendable () throws -> T) async throws -> T {
    let admitted = inside.withLock { count in
      guard count <= PasswordDesk.queueLimit else { return false }
      count += 1
      return true
    }
    guard admitted else { throw BackupError.tooManyAttempts(retryAfter: 1) }
    defer { inside.withLock { $0 -= 1 } }
    return try await lane.run { try work() }
  }
}

private func bytes(hex: some StringProtocol) -> [UInt8]? {
  let units = Array(hex.utf8)
  guard units.count % 2 == 0 else { return nil }
  var out: [UInt8] = []
  for index in stride(from: 0, to: units.count, by: 2) {
    guard let high = Hex.value(units[index]), let low = Hex.value(units[index + 1]) else { return nil }
    out.append(high << 4 | low)
  }
  return out
}
