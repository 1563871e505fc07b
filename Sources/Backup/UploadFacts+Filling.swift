import Ground
import Media

/// What is known of a received file once everything that its client did not say is filled in.
struct FilledFacts: Equatable {
  var name: [UInt8]
  var createdAt: WrittenTime
  var modifiedAt: WrittenTime
  var type: MediaType
}

extension UploadFacts {
  /// Bytes of a file's beginning that tell its type.
  static let headLength = 4096

  /// Whether the file's beginning is looked at.
  var needsHead: Bool { typeByContent || name == nil }

  /// The type, and a name and times where none came.
  /// - Parameters:
  ///   - head: the file's first bytes, where `needsHead`.
  ///   - begun: when its upload began.
  /// - Throws: `.unsupportedType`.
  func filled(head: [UInt8], begun: Instant) throws(BackupError) -> FilledFacts {
    let createdAt = createdAt ?? WrittenTime(instant: begun, wallClock: CalendarTime(begun))
    let modifiedAt = modifiedAt ?? createdAt
    let named = name.flatMap { MediaType(fileName: $0) }
    // What begins with no known signature is believed to be what its name says: no photo is refused because a format's
    // signature is unknown here. What it begins with may say that it is none, though.
    guard needsHead, let found = MediaType.sniff(head) else {
      guard let name, let named, !needsHead || named.mayBegin(with: head) else {
        throw .unsupportedType(name: String(decoding: name ?? [], as: UTF8.self))
      }
      return FilledFacts(name: name, createdAt: createdAt, modifiedAt: modifiedAt, type: named)
    }
    let filled: (name: [UInt8], type: MediaType) =
      switch (name, named) {
      case (nil, _): (UploadFacts.madeName(createdAt.wallClock, found.type.kind, found.suffix), found.type)
      // An extension of another world stays, so that nothing of the name is lost.
      case (let name?, nil): (name + Array(found.suffix.utf8), found.type)
      case (let name?, let named?) where named.isCompatible(with: found.type): (name, named)
      // A picture called one of another format stays what it was called; but no program opens pixels as a drawing.
      case (let name?, let named?) where named.kind == found.type.kind && !named.isText: (name, found.type)
      case (let name?, _): (UploadFacts.stem(name) + Array(found.suffix.utf8), found.type)
      }
    return FilledFacts(name: filled.name, createdAt: createdAt, modifiedAt: modifiedAt, type: filled.type)
  }

  /// Such as `IMG_20260102_030405.jpg`, as cameras call their files.
  private static func madeName(_ time: CalendarTime, _ kind: MediaKind, _ suffix: String) -> [UInt8] {
    func padded(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    let date = padded(time.year, 4) + padded(time.month) + padded(time.day)
    let clock = padded(time.hour) + padded(time.minute) + padded(time.second)
    return Array("\(kind == .video ? "VID" : "IMG")_\(date)_\(clock)\(suffix)".utf8)
  }

  /// A name without its extension.
  private static func stem(_ name: [UInt8]) -> [UInt8] {
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return name }
    return Array(name[..<dot])
  }
}
