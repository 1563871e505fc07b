import Testing

@testable import Ground

@Suite("Ids, digests, times, memory")
struct GroundTests {
  @Test("ids are version 4, lower case out, either case in")
  func identifiers() throws {
    for _ in 0..<1000 {
      let id = Identifier()
      let text = id.description
      let units = Array(text.utf8)
      #expect(units.count == 36 && units[14] == UInt8(ascii: "4") && "89ab".utf8.contains(units[19]))
      #expect(text == text.lowercased() && Identifier(text.uppercased()) == id && Identifier(bytes: id.bytes) == id)
    }
    for bad in [
      "", "x", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
      "g0000000-0000-0000-0000-000000000000", "0000000000000-0000-0000-0000-00000000",
    ] {
      #expect(Identifier(bad) == nil)
    }
  }

  @Test("SHA-1 of known inputs, in hexadecimal and base64, and back")
  func digests() throws {
    let running = RunningSHA1()
    Array("abc".utf8).withUnsafeBytes { running.update($0) }
    let digest = running.finish()
    #expect(digest.hex == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(digest.base64 == "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")
    #expect(SHA1Digest(text: digest.hex) == digest && SHA1Digest(text: digest.hex.uppercased()) == digest)
    #expect(SHA1Digest(text: digest.base64) == digest)
    for bad in [
      "", "qZk+NkcGgWq6PiVxeFDCbJzQ2J1=", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0", String(repeating: "g", count: 40),
      "=Zk+NkcGgWq6PiVxeFDCbJzQ2J0=",
    ] {
      #expect(SHA1Digest(text: bad) == nil)
    }
    #expect(Hex.encode(sha256(Array("abc".utf8))).hasPrefix("ba7816bf8f01cfea"))
  }

  @Test("scrypt agrees with RFC 7914 section 12")
  func passwordHash() {
    let out = scrypt(password: "password", salt: Array("NaCl".utf8), n: 1024, r: 8, p: 16, length: 64)
    #expect(out.map { Hex.encode($0).hasPrefix("fdbabe1c9d3472007856e7190d01e9fe") } == true)
  }

  static let times: [(String, String)] = [
    ("2024-07-05T12:34:56.789Z", "2024-07-05T12:34:56.789Z"),
    ("2024-07-05T12:34:56.789123Z", "2024-07-05T12:34:56.789Z"),
    ("2024-07-05T12:34:56+02:00", "2024-07-05T10:34:56.000Z"),
    ("2024-07-05T12:34:56.5-0330", "2024-07-05T16:04:56.500Z"),
    ("2024-02-29", "2024-02-29T00:00:00.000Z"), ("1969-12-31T23:59:59.001Z", "1969-12-31T23:59:59.001Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
  ]

  @Test("what clients write as dates, and what goes out", arguments: times)
  func time(text: String, expected: String) { #expect(WrittenTime(text)?.instant.iso8601 == expected) }

  @Test(
    "broken dates are refused",
    arguments: [
      "", "2024", "2023-02-29", "2024-13-01", "2024-01-01T25:00:00Z", "2024-01-01T10:00:00+", "2024-01-01 10:00:00 CET",
      "2024-01-01T10:00:00.Z", "0001-01-01T00:59:59+01:00", "9999-12-31T23:00:00-01:00",
    ])
  func brokenTime(text: String) { #expect(WrittenTime(text) == nil) }

  @Test("calendar arithmetic goes both ways over eight thousand years")
  func calendar() {
    for day in stride(from: Int64(-700_000), to: 2_200_000, by: 97) {
      let instant = Instant(milliseconds: day * 86_400_000 + 12_345)
      #expect(CalendarTime(instant).instant == instant)
    }
  }

  @Test("the pool lends at most its limit, then small blocks, and gives memory back when quiet")
  func blocks() {
    let pool = BlockPool(limit: 2)
    let lent = [pool.take(), pool.take(), pool.take()]
    #expect(lent.map(\.capacity) == [Block.standard, Block.standard, BlockPool.small])
    for block in lent { pool.give(block) }
    #expect(!pool.trim())
    #expect(pool.trim())
    #expect(!pool.trim())
  }

  @Test("nobody waits for a busy lane while another has nothing to do, and idle ones are used in turn")
  func lanes() async {
    let lanes = Lanes(label: "test", count: 3)
    let busy = lanes.next()
    let (gate, opener) = AsyncStream<Void>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      let (started, start) = AsyncStream<Void>.makeStream()
      group.addTask {
        await busy.run {
          start.yield()
          for await _ in gate { break }
        }
      }
      for await _ in started { break }
      let six = (0..<6).map { _ in ObjectIdentifier(lanes.next()) }
      #expect(!six.contains(ObjectIdentifier(busy)))
      #expect(Set(six).count == 2)
      opener.finish()
    }
    let three = (0..<3).map { _ in ObjectIdentifier(lanes.next()) }
    #expect(Set(three).count == 3)
  }

  @Test("work on a lane runs on that lane, before and after it waits")
  func lane() async {
    let lane = Lane(label: "test")
    await lane.run {
      lane.preconditionIsolated()
      await Task.yield()
      lane.preconditionIsolated()
    }
  }
}
