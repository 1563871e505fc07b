import Crypto
import FoundationEssentials
import Ground
import Outbound
import Testing

@testable import Push

@Suite struct ContentEncryptionTests {
  @Test("RFC 8291 section 5: the example comes out byte for byte")
  func example() throws {
    let key = try #require(
      Base64URL.decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
    let secret = try #require(Base64URL.decode("BTBZMqHH6r4Tts7J_aSIgg"))
    let subscription = try #require(
      WebPushSubscription(
        endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", key: key, secret: secret))
    let sender = try P256.KeyAgreement.PrivateKey(
      rawRepresentation: try #require(Base64URL.decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")))
    let body = try ContentEncryption.encrypt(
      Array("When I grow up, I want to be a watermelon".utf8), for: subscription, padding: 0, sender: sender,
      salt: try #require(Base64URL.decode("DGv6ra1nlYgDCS1FRnbzlw")))
    #expect(
      Base64URL.encode(body)
        == "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
  }

  @Test("short messages of all kinds have one length; the longest that fits makes 4,096 bytes, one more is refused")
  func lengths() throws {
    let theirs = P256.KeyAgreement.PrivateKey()
    let subscription = try #require(
      WebPushSubscription(
        endpoint: "https://push.example.net/", key: Array(theirs.publicKey.x963Representation), secret: randomBytes(16))
    )
    func length(_ count: Int) throws -> Int {
      try ContentEncryption.encrypt(
        [UInt8](repeating: 1, count: count), for: subscription, padding: 256, salt: randomBytes(16)
      ).count
    }
    #expect(try Set([0, 10, 256].map(length)).count == 1)
    #expect(try length(3993) == 4096)
    #expect(throws: (any Error).self) { try length(3994) }
  }

  @Test("a subscription with a key that is no point, or a short secret, is none")
  func keys() {
    let key = Array(P256.KeyAgreement.PrivateKey().publicKey.x963Representation)
    #expect(WebPushSubscription(endpoint: "https://a.example/", key: key, secret: randomBytes(15)) == nil)
    #expect(
      WebPushSubscription(endpoint: "https://a.example/", key: key.dropLast() + [], secret: randomBytes(16)) == nil)
    let off = [4] + [UInt8](repeating: 7, count: 64)
    #expect(WebPushSubscription(endpoint: "https://a.example/", key: off, secret: randomBytes(16)) == nil)
  }
}

@Suite struct VAPIDKeyTests {
  @Test("the key is made once, is nobody else's to read, and signs what its public half verifies")
  func key() throws {
    let folder = "\(FileManager.default.temporaryDirectory.path)/nightstand-vapid-\(Identifier())"
    try FileSystem.makeFolders(folder)
    defer { try? FileSystem.removeTree(folder) }
    let file = "\(folder)/vapid.pem"
    #expect(throws: SystemError.self, "a key that is lost is not replaced in silence") { try VAPIDKey(file: file) }
    #expect(try VAPIDKey.makeIfMissing(file))
    #expect(try !VAPIDKey.makeIfMissing(file))
    // A restore was generous.
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
    let key = try VAPIDKey(file: file)
    #expect(try VAPIDKey(file: file).publicText == key.publicText)
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try FileSystem.names(in: folder) == ["vapid.pem"])

    let token = try key.token(
      audience: "https://push.example.net", expiry: 1_453_523_768, contact: "mailto:a@b.example")
    let parts = token.split(separator: ".").map(String.init)
    #expect(parts.count == 3)
    let claims = try #require(Base64URL.decode(parts[1]))
    #expect(
      String(decoding: claims, as: UTF8.self)
        == #"{"aud":"https://push.example.net","exp":1453523768,"sub":"mailto:a@b.example"}"#)
    let signature = try P256.Signing.ECDSASignature(rawRepresentation: try #require(Base64URL.decode(parts[2])))
    let verifier = try P256.Signing.PublicKey(x963Representation: try #require(Base64URL.decode(key.publicText)))
    #expect(verifier.isValidSignature(signature, for: Array("\(parts[0]).\(parts[1])".utf8)))

    try FileSystem.write(Array("no key".utf8), to: file)
    #expect(throws: PushKeyError.unreadable(file)) { try VAPIDKey(file: file) }
  }
}

@Suite struct PushReplyTests {
  @Test(
    "only 404 and 410 end a Web Push registration",
    arguments: [
      (201, nil, .accepted), (200, nil, .accepted), (404, nil, .gone(since: nil)), (410, nil, .gone(since: nil)),
      (429, 90, .throttled(seconds: 90, isOfHost: true)), (429, nil, .throttled(seconds: 60, isOfHost: true)),
      (503, 5, .throttled(seconds: 5, isOfHost: true)), (503, nil, .failed("503")), (507, nil, .offline),
      (500, nil, .failed("500")), (400, nil, .refused("400")), (401, nil, .refused("401")), (403, nil, .refused("403")),
      (413, nil, .refused("413")), (301, nil, .refused("301")),
    ] as [(Int, Int64?, PushReply)])
  func webPush(_ status: Int, _ retryAfter: Int64?, _ reply: PushReply) {
    #expect(WebPushChannel.reply(to: OutboundAnswer(status: status, retryAfter: retryAfter)) == reply)
  }

  @Test(
    "APNs says why in its body",
    arguments: [
      (200, "", .accepted),
      (410, #"{"reason":"Unregistered","timestamp":1700000000000}"#, .gone(since: 1_700_000_000_000)),
      (400, #"{"reason":"BadDeviceToken"}"#, .refused("BadDeviceToken")),
      (403, #"{"reason":"ExpiredProviderToken"}"#, .refused("ExpiredProviderToken")),
      (429, #"{"reason":"TooManyRequests"}"#, .throttled(seconds: 60, isOfHost: false)),
      (429, #"{"reason":"TooManyProviderTokenUpdates"}"#, .throttled(seconds: 60, isOfHost: true)),
      (503, #"{"reason":"ServiceUnavailable"}"#, .failed("503")), (500, "<html>", .failed("500")),
      (400, "{\"reason\":\"a\\nb\"}", .refused("ab")),
    ] as [(Int, String, PushReply)])
  func apns(_ status: Int, _ body: String, _ reply: PushReply) {
    #expect(APNsChannel.reply(to: OutboundAnswer(status: status, body: Array(body.utf8))) == reply)
  }

  @Test(
    "FCM: only UNREGISTERED is the end",
    arguments: [
      (200, "{}", .accepted),
      (
        404,
        #"{"error":{"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}"#,
        .gone(since: nil)
      ),
      (404, #"{"error":{"status":"NOT_FOUND"}}"#, .refused("NOT_FOUND")),
      (
        400, #"{"error":{"status":"INVALID_ARGUMENT","details":[{"errorCode":"INVALID_ARGUMENT"}]}}"#,
        .refused("INVALID_ARGUMENT")
      ),
      (
        429, #"{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"errorCode":"QUOTA_EXCEEDED"}]}}"#,
        .throttled(seconds: 60, isOfHost: true)
      ),
      (503, #"{"error":{"status":"UNAVAILABLE"}}"#, .failed("503")),
    ] as [(Int, String, PushReply)])
  func fcm(_ status: Int, _ body: String, _ reply: PushReply) {
    #expect(FCMChannel.reply(to: OutboundAnswer(status: status, body: Array(body.utf8))) == reply)
  }

  @Test("a background message of APNs has content-available and nothing that shows")
  func background() throws {
    let text = String(decoding: APNsChannel.payload(.sync(tickle: 7)), as: UTF8.self)
    #expect(text == #"{"aps":{"content-available":1},"action":"sync","tickle":"7"}"#)
  }
}
