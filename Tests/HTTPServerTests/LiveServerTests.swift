import Glibc
import Ground
import Testing

@testable import HTTPServer

private let close = "Connection: close\r\n"
private func get(_ path: String, _ more: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\(more)\r\n" }
private func occurrences(_ part: String, in text: String) -> Int { text.ranges(of: part).count }

@Suite("The server over real sockets")
struct LiveServerTests {
  @Test("pipelined requests are answered in order, bodies between them")
  func pipelining() async throws {
    try await withServer { port, _ in
      let answer = try await blocking {
        let client = try RawClient(port: port)
        var text = ""
        for index in 0..<20 {
          text += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\(100 + index)" + get("/\(index)")
          text +=
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\(200 + index)\r\n0\r\nA: b\r\n\r\n"
        }
        try client.send(text + get("/last", close))
        return try client.receiveAll()
      }
      var rest = answer[...]
      for index in 0..<20 {
        for expected in ["POST \(100 + index)", "/\(index)", "POST \(200 + index)"] {
          let found = try #require(
            rest.firstRange(of: "\r\n\r\n" + expected + (index == 19 ? "" : "HTTP/1.1"))
              ?? rest.firstRange(of: "\r\n\r\n" + expected))
          rest = rest[found.upperBound...]
        }
      }
      #expect(answer.hasSuffix("/last") && occurrences("HTTP/1.1 200 OK", in: answer) == 61)
    }
  }

  @Test("a body sent byte by byte is read whole")
  func slowBytes() async throws {
    try await withServer { port, _ in
      let answer = try await blocking {
        let client = try RawClient(port: port)
        for byte
          in "POST /echo HTTP/1.1\r\nHost: x\r\n\(close)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8
        {
          try client.send([byte])
        }
        return try client.receiveAll()
      }
      #expect(answer.hasSuffix("POST hello"))
    }
  }

  @Test("a body in pieces, read on a lane, never loses its wake-up", .timeLimit(.minutes(5)))
  func piecesOnALane() async throws {
    try await withServer(settings { $0.stallTimeout = 5 }) { port, _ in
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<4 {
          group.addTask {
            try await blocking {
              let client = try RawClient(port: port)
              var good = 0
              for round in 0..<400 {
                try client.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n0123456789")
                for _ in 0..<(round % 40) { sched_yield() }
                try client.send("0123456789")
                try client.send("0123456789")
                if try client.receive(until: "\r\n\r\n30").hasPrefix("HTTP/1.1 200") { good += 1 }
              }
              return good
            }
          }
        }
        let good = try await group.reduce(0, +)
        #expect(good == 1600)
      }
    }
  }

  @Test("endless trailers are refused, and while they come others are served")
  func endlessTrailers() async throws {
    try await withServer { port, _ in
      let (answer, other) = try await blocking {
        let client = try RawClient(port: port)
        try client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        let piece = Array(String(repeating: "a: b\r\n", count: 4096).utf8)
        for _ in 0..<40 { try client.send(piece) }
        let other = try RawClient(port: port)
        try other.send(get("/other", close))
        let text = try other.receiveAll()
        client.endWriting()
        return (try client.receiveAll(), text)
      }
      #expect(other.hasSuffix("/other"))
      #expect(answer.hasPrefix("HTTP/1.1 4") && answer.contains("Connection: close"))
    }
  }

  @Test("the last answer of a connection is followed by an end, never by a reset")
  func endings() async throws {
    try await withServer { port, _ in
      let answers = try await blocking {
        try [
          "POST /echo HTTP/1.1\r\nHost: x\r\n\(close)Content-Length: 2\r\n\r\nokand more that nobody asked for",
          "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nok\r\n", get("/a", close) + get("/b"),
        ].map { text in
          let client = try RawClient(port: port)
          try client.send(text)
          let first = try client.receive(until: "\r\n\r\n")
          // A reset would make one of these calls throw.
          try client.send("still talking")
          return first + (try client.receiveAll())
        }
      }
      for answer in answers { #expect(answer.hasPrefix("HTTP/1.1 200") && occurrences("HTTP/1.1", in: answer) == 1) }
    }
  }

  @Test("a second server on the same port fails with an error and harms nobody")
  func portTaken() async throws {
    try await withServer { port, _ in
      await #expect(throws: SystemError.self) { try await withServer(settings { $0.port = port }) { _, _ in } }
    }
  }

  @Test("100 Continue comes when the body is asked for, and not when the answer is ready without it")
  func expectation() async throws {
    try await withServer { port, _ in
      let (interim, answer, refused) = try await blocking {
        let client = try RawClient(port: port)
        try client.send("POST /echo HTTP/1.1\r\nHost: x\r\n\(close)Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        let interim = try client.receive(until: "\r\n\r\n")
        try client.send("ok")
        let other = try RawClient(port: port)
        try other.send("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        other.endWriting()
        return (interim, try client.receiveAll(), try other.receiveAll())
      }
      #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
      #expect(answer.hasSuffix("POST ok"))
      #expect(refused.hasPrefix("HTTP/1.1 403") && refused.contains("Connection: close"))
    }
  }

  @Test("interim answers reach HTTP/1.1 clients and never HTTP/1.0 ones")
  func interim() async throws {
    try await withServer { port, _ in
      let (new, old) = try await blocking {
        let new = try RawClient(port: port)
        try new.send(get("/interim", close))
        let old = try RawClient(port: port)
        try old.send("GET /interim HTTP/1.0\r\n\r\n")
        return (try new.receiveAll(), try old.receiveAll())
      }
      #expect(new.hasPrefix("HTTP/1.1 104") && new.contains("Upload-Offset: 7\r\n\r\nHTTP/1.1 200"))
      #expect(old.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test("streams are chunked for HTTP/1.1 and end with the connection for HTTP/1.0; HEAD has no body")
  func streams() async throws {
    try await withServer { port, _ in
      let (new, old, head) = try await blocking {
        let new = try RawClient(port: port)
        try new.send(get("/stream", close))
        let old = try RawClient(port: port)
        try old.send("GET /stream HTTP/1.0\r\n\r\n")
        let head = try RawClient(port: port)
        try head.send("HEAD /json HTTP/1.1\r\nHost: x\r\n\(close)\r\n")
        return (try new.receiveAll(), try old.receiveAll(), try head.receiveAll())
      }
      #expect(new.hasSuffix("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"))
      #expect(old.hasSuffix("\r\n\r\none two three") && !old.contains("chunked"))
      #expect(head.contains("Content-Length: 5000\r\n") && head.hasSuffix("\r\n\r\n"))
    }
  }

  @Test("an answer before the body ends can be read while the client still sends 64 MiB, and no body byte is a request")
  func earlyAnswer() async throws {
    try await withServer { port, _ in
      let answer = try await blocking {
        let client = try RawClient(port: port)
        try client.send("POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: \(64 << 20)\r\n\r\n")
        // Requests inside the body, which must not be taken for any.
        let piece = Array(repeating: Array(get("/x").utf8), count: (1 << 20) / get("/x").utf8.count + 1).flatMap(\.self)
        for _ in 0..<64 { try client.send(Array(piece[..<(1 << 20)])) }
        return try client.receiveAll()
      }
      #expect(answer.hasPrefix("HTTP/1.1 403") && occurrences("HTTP/1.1", in: answer) == 1)
    }
  }

  @Test("a body over its route's limit is 413, declared or not")
  func tooLarge() async throws {
    try await withServer { port, _ in
      let (declared, chunked) = try await blocking {
        let declared = try RawClient(port: port)
        try declared.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
        declared.endWriting()
        let chunked = try RawClient(port: port)
        try chunked.send(
          "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
            + String(repeating: "a", count: 1001))
        chunked.endWriting()
        return (try declared.receiveAll(), try chunked.receiveAll())
      }
      #expect(declared.hasPrefix("HTTP/1.1 413") && chunked.hasPrefix("HTTP/1.1 413"))
    }
  }

  @Test("slow heads are told 408, silent connections are closed without a word")
  func slowHead() async throws {
    try await withServer(settings { $0.headTimeout = 0.3 }) { port, _ in
      let (slow, silent) = try await blocking {
        let slow = try RawClient(port: port)
        let silent = try RawClient(port: port)
        try slow.send("GET / HTTP/1.1\r\nHo")
        return (try slow.receiveAll(), try silent.receiveAll())
      }
      #expect(slow.hasPrefix("HTTP/1.1 408"))
      #expect(silent.isEmpty)
    }
  }

  @Test("files: whole, range, 304, 416, and gzip only for text")
  func files() async throws {
    let path = "/tmp/nightstand-live-\(Identifier())"
    let file = try Descriptor(open: path, O_RDWR | O_CREAT)
    defer { _ = try? FileSystem.remove(path) }
    let content = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try content.withUnsafeBytes { try file.write($0, at: 0) }
    try await withServer(file: file) { port, _ in
      let answers = try await blocking {
        try [
          "", "Range: bytes=0-0\r\n", "Range: bytes=-5\r\nIf-Range: \"tag\"\r\n",
          "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n",
          "If-None-Match: W/\"tag\"\r\n", "Range: bytes=700000-\r\n", "Accept-Encoding: gzip\r\n",
        ].map { field in
          let client = try RawClient(port: port)
          try client.send(get("/file", close + field))
          var all: [UInt8] = []
          while case let more = try client.receive(), !more.isEmpty { all += more }
          return all
        }
      }
      func head(_ index: Int) -> String { String(decoding: answers[index].prefix(400), as: UTF8.self) }
      #expect(Array(answers[0].suffix(700_000)) == content && head(0).hasPrefix("HTTP/1.1 200"))
      #expect(head(1).hasPrefix("HTTP/1.1 206") && head(1).contains("Content-Range: bytes 0-0/700000"))
      #expect(Array(answers[2].suffix(5)) == content.suffix(5) && head(2).contains("bytes 699995-699999/700000"))
      #expect(head(3).hasPrefix("HTTP/1.1 200") && answers[3].count > 700_000)
      #expect(head(4).hasPrefix("HTTP/1.1 304") && head(4).hasSuffix("\r\n\r\n"))
      #expect(head(5).hasPrefix("HTTP/1.1 416") && head(5).contains("bytes */700000"))
      #expect(!head(6).contains("gzip") && answers[6].count > 700_000)
      let packed = try await blocking {
        let client = try RawClient(port: port)
        try client.send(get("/json", close + "Accept-Encoding: gzip\r\n"))
        return try client.receiveAll()
      }
      #expect(
        packed.contains("Content-Encoding: gzip") && packed.contains("Vary: Accept-Encoding") && packed.utf8.count < 500
      )
    }
  }

  @Test("connections beyond the limit wait in the kernel's queue; beyond the address cap they are closed")
  func limits() async throws {
    try await withServer(settings { $0.maxConnections = 2 }) { port, _ in
      let third = try await blocking {
        let first = try RawClient(port: port)
        let second = try RawClient(port: port)
        try first.send(get("/1"))
        try second.send(get("/2"))
        _ = try (first.receive(until: "/1"), second.receive(until: "/2"))
        let third = try RawClient(port: port)
        try third.send(get("/3", close))
        first.endWriting()
        return try third.receiveAll()
      }
      #expect(third.hasSuffix("/3"))
    }
    try await withServer(settings { $0.maxConnectionsPerAddress = 1 }) { port, _ in
      let second = try await blocking {
        let first = try RawClient(port: port)
        try first.send(get("/1"))
        _ = try first.receive(until: "/1")
        let second = try RawClient(port: port)
        return try second.receiveAll()
      }
      #expect(second.isEmpty)
    }
  }

  @Test("a stop lets the running answer finish, closes idle connections, and cuts what never ends")
  func shutdown() async throws {
    try await withServer(settings { $0.shutdownTimeout = 0.5 }) { port, server in
      let (idle, stuck) = try await blocking { (try RawClient(port: port), try RawClient(port: port)) }
      try await blocking {
        try idle.send(get("/idle"))
        _ = try idle.receive(until: "/idle")
        try stuck.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
      }
      await server.shutdown()
      let (first, second) = try await blocking { (try idle.receiveAll(), try? stuck.receiveAll()) }
      #expect(first.isEmpty)
      #expect(second?.contains("200") != true)
    }
  }
}
