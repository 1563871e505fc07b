import Foundation
import Ground
import Testing

@testable import Store

@Suite struct StagingTests {
  static let sizes = [
    0, 1, 4095, 4096, 128 << 10, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 20) + 4096, 3 * (1 << 20) + 7,
    (9 << 20) + 13,
    16 << 20,
  ]

  /// Both ways to the disk, inline and in three stages, end in the same bytes and the same digest.
  @Test(arguments: sizes) func bytesArriveWhole(size: Int) async throws {
    let bytes = sample(size)
    let running = RunningSHA1()
    bytes.withUnsafeBytes { running.update($0) }
    let expected = running.finish()
    for mode in [Staging.Mode.direct, .window] {
      let store = try await StoreFixture(mode: mode)
      let file = try await store.stage(bytes)
      #expect(file.length == Int64(size))
      #expect(try await file.seal(modified: Instant(milliseconds: 1_234_567_890_123)) == expected, "\(mode)")
      let path = store.staging.path(file.name)
      #expect(try FileSystem.contents(path) == bytes, "\(mode)")
      #expect(try FileSystem.status(path)?.modified == Instant(milliseconds: 1_234_567_890_123))
    }
  }

  @Test func droppedFileLeavesNothing() async throws {
    let store = try await StoreFixture()
    for size in [10, 10 << 20] {
      var file: StagedFile? = try await store.stage(sample(size))
      #expect(try store.staged == [file?.name])
      file = nil
      #expect(try store.staged.isEmpty)
    }
  }

  /// Two uploads at most get queues of their own, and give them back.
  @Test func largeUploadsShareTwoPipelines() async throws {
    let store = try await StoreFixture()
    let bytes = sample(12 << 20)
    var files: [StagedFile] = []
    for _ in 0..<3 {
      let file = try store.staging.open(expected: nil)
      var block = store.staging.blocks.take()
      for index in 0..<12 {
        bytes[index << 20..<(index + 1) << 20].withUnsafeBytes { block.append($0) }
        block = try await file.write(block)
      }
      store.staging.blocks.give(block)
      files.append(file)
    }
    #expect(store.staging.slots.available == 0, "the third is written inline")
    var digests: Set<SHA1Digest> = []
    for file in files { digests.insert(try await file.seal(modified: .now())) }
    #expect(digests.count == 1)
    // The last closure on a queue may still hold its pipeline for a moment after the drain.
    for _ in 0..<1_000_000 where store.staging.slots.available < Staging.pipelines { sched_yield() }
    #expect(store.staging.slots.available == Staging.pipelines)
  }

  /// What is promised is given back by writing, sealing and dropping, also where more or less came than was expected.
  @Test(arguments: [nil, 0, 5 << 20, 12 << 20, 40 << 20] as [Int64?]) func promisesAreSettled(expected: Int64?)
    async throws
  {
    let store = try await StoreFixture()
    var files: [StagedFile] = []
    for size in [0, 100, 12 << 20] {
      let file = try store.staging.open(expected: expected)
      #expect(store.staging.outstanding == expected ?? 0)
      try await store.feed(sample(size), to: file)
      #expect(store.staging.outstanding >= max(0, (expected ?? 0) - Int64(size)))
      _ = try await file.seal(modified: .now())
      #expect(store.staging.outstanding == 0)
      files.append(file)
    }
    files = []
    #expect(store.staging.outstanding == 0)
    for size in [0, 100, 12 << 20] {
      var file: StagedFile? = try store.staging.open(expected: expected)
      try await store.feed(sample(size), to: file!)
      file = nil
      #expect(store.staging.outstanding == 0)
    }
  }

  @Test func writingBehindAFailedBlockFails() async throws {
    let store = try await StoreFixture()
    let path = store.directory.staging + "/readonly"
    try Data().write(to: URL(fileURLWithPath: path))
    let file = StagedFile(
      name: "readonly", file: try Descriptor(open: path, O_RDONLY), staging: store.staging, promised: 0)
    await #expect(throws: StoreError.self) { try await store.feed(sample(2 << 20), to: file) }
  }

  @Test func reserveIsKept() async throws {
    let free = try FileSystem.space(FileManager.default.temporaryDirectory.path).free
    let store = try await StoreFixture(reserve: free + (1 << 40))
    #expect(throws: StoreError.diskFull) { try store.staging.open(expected: nil) }
    let roomy = try await StoreFixture(reserve: 1 << 20)
    #expect(throws: StoreError.diskFull) { try roomy.staging.open(expected: free + (1 << 40)) }
    #expect(throws: StoreError.diskFull) { try roomy.staging.open(expected: .max) }
    _ = try roomy.staging.open(expected: 1)
  }

  /// By the time of the last change, which sealing does not set; what belongs to somebody stays.
  @Test func orphansGoAfterAnHour() async throws {
    let world = try await UploadFixture()
    let (staging, catalog) = (world.store.staging, world.store.catalog)
    let upload = try await world.create()
    let file = try await world.open(upload)
    try await world.feed(sample(100), to: file)
    let coming = try await world.store.stage(sample(100))
    for name in ["orphan", PartialFile.claim(upload.staged!)] {
      _ = try Descriptor(open: staging.path(name), O_WRONLY | O_CREAT)
    }
    try FileSystem.setModified(Descriptor(open: staging.path("orphan"), O_WRONLY), Instant(milliseconds: 0))
    #expect(try await staging.sweepOrphans(in: catalog, now: .now()) == 0)
    let later = Instant.now().adding(seconds: Staging.orphanAge + 60)
    #expect(try await staging.sweepOrphans(in: catalog, now: later) == 1)
    #expect(try Set(world.store.staged) == [upload.staged!, PartialFile.claim(upload.staged!), coming.name])
    coming.discard()
    #expect(try await staging.sweepOrphans(in: catalog, now: later) == 0)
    #expect(try await catalog.end(upload: upload.number, .gone, forgetAt: later))
    #expect(try await staging.sweepOrphans(in: catalog, now: later) == 2)
  }
}
