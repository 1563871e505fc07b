import Foundation
import GRDB
import Ground
import Testing

@testable import Store

/// A file system of its own with little room; needs the right to mount.
final class SmallDisk: Sendable {
  let folder: TemporaryFolder
  var path: String { folder.path + "/disk" }

  /// Whether this machine lets a test mount.
  static let isPossible = (try? SmallDisk(megabytes: 1)) != nil

  init(megabytes: Int) throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/disk", withIntermediateDirectories: false)
    guard try run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]) == 0 else {
      throw CocoaError(.fileWriteNoPermission)
    }
  }

  deinit { _ = try? run("umount", ["--lazy", path]) }

  /// Takes all room but `pages` of 4096 bytes.
  func fill(leaving pages: Int) throws {
    let file = try Descriptor(open: path + "/ballast", O_WRONLY | O_CREAT)
    let free = try FileSystem.space(path).free / 4096
    guard free > pages else { return }
    // Answers the error itself instead of setting errno.
    let code = posix_fallocate(file.number, 0, off_t(free - Int64(pages)) * 4096)
    if code != 0 { throw SystemError("posix_fallocate", code, path) }
  }

  func empty() throws { try FileSystem.remove(path + "/ballast") }
}

@Suite(.enabled(if: SmallDisk.isPossible, "mounting a small file system is not permitted here"))
struct DiskFullTests {
  @Test func uploadThatDoesNotFitLeavesNothing() async throws {
    let disk = try SmallDisk(megabytes: 16)
    let store = try await StoreFixture(path: disk.path)
    guard case .created(let id) = try await store.store(sample(1 << 20), name: "fits.jpg") else { return }
    // Large enough to be written in three stages, and beyond the disk.
    await #expect(throws: StoreError.diskFull) { try await store.stage(sample(15 << 20, seed: 2)) }
    #expect(try store.staged.isEmpty)
    #expect(try await store.row(id) != nil, "reading goes on")
    guard case .created = try await store.store(sample(1 << 20, seed: 3), name: "too.jpg") else {
      Issue.record("there is room again")
      return
    }
    #expect(try await store.problems() == [])
  }

  /// Eight uploads at once, each of which would fit alone: the reserve is untouched whatever their number.
  @Test(arguments: [nil, 12 << 20] as [Int64?]) func reserveIsKeptTogether(expected: Int64?) async throws {
    let disk = try SmallDisk(megabytes: 64)
    let reserve: Int64 = 16 << 20
    let store = try await StoreFixture(path: disk.path, reserve: reserve)
    let lanes = Lanes(label: "test", count: 8)
    let bytes = sample(12 << 20)
    let names: [String] = await withTaskGroup(of: String?.self) { group in
      for _ in 0..<8 {
        group.addTask {
          await lanes.next().run {
            do {
              let file = try store.staging.open(expected: expected)
              try await store.feed(bytes, to: file)
              _ = try await file.seal(modified: .now())
              file.handOver()
              return file.name
            } catch {
              #expect(error as? StoreError == .diskFull)
              return nil
            }
          }
        }
      }
      return await group.reduce(into: []) { if let name = $1 { $0.append(name) } }
    }
    // 48 MiB beside the reserve hold three with the catalog; whoever stood in the way of another may have failed with it.
    #expect(names.count <= 3 && (expected == nil || names.count == 3), "\(names.count)")
    #expect(try FileSystem.space(disk.path).free >= reserve)
    #expect(store.staging.outstanding == 0)
    #expect(try Set(store.staged) == Set(names))
  }

  /// The disk fills up at every point of the finish sequence, page by page: an upload is either stored or leaves
  /// nothing, also after a restart, and once there is room all goes on.
  @Test func fullAtEveryPage() async throws {
    let disk = try SmallDisk(megabytes: 8)
    var stored = 0
    var refused = 0
    for pages in 0..<60 {
      var store: StoreFixture? = try await StoreFixture(path: disk.path)
      let request = try await store!.request(sample(3000, seed: UInt64(pages + 1)), name: "a.jpg", sidecar: sample(100))
      try disk.fill(leaving: pages)
      do {
        _ = try await store!.finisher.finish(request)
        stored += 1
      } catch {
        #expect(error as? StoreError == .diskFull, "\(pages) pages: \(error)")
        #expect(try await store!.row(request.asset.id) == nil)
        refused += 1
      }
      _ = try await store!.count("asset")
      try disk.empty()
      try store!.catalog.close()
      store = nil
      store = try await StoreFixture(path: disk.path)
      _ = try store!.recovery.run()
      #expect(try await store!.problems() == [], "\(pages) pages")
      try store!.catalog.close()
    }
    #expect(stored > 0 && refused > 0, "stored \(stored), refused \(refused)")
  }
}

@Suite struct CatalogFullTests {
  /// The catalog cannot grow when the rows are to be written: the files were moved already, and all of it is undone.
  @Test func fullBetweenTheTransactions() async throws {
    let store = try await StoreFixture()
    let steps = FinishSteps(
      catalog: store.catalog, staging: store.staging, originals: store.originals, logger: .init(label: "test"))
    guard case .created = try await store.store(sample(99, seed: 99), name: "before.jpg") else { return }
    var members: [FinishMember] = []
    for seed in 1...8 as ClosedRange<UInt64> {
      var request = try await store.request(sample(100, seed: seed), name: "a.jpg")
      request.asset.metadata = String(repeating: "x", count: 20_000)
      members.append(FinishMember(request: request))
    }
    steps.intend(&members)
    try await store.catalog.write { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      try db.execute(sql: "PRAGMA max_page_count = \(pages)")
    }
    var finished = members
    #expect(steps.finishIntended(&finished).breakdown == nil)
    for member in finished {
      guard case .done(.failure(let error)) = member.phase, error as? StoreError == .diskFull else {
        Issue.record("\(member.phase)")
        continue
      }
    }
    #expect(try await store.count("asset") == 1)
    #expect(try await store.problems() == [])
    try await store.catalog.write { db in try db.execute(sql: "PRAGMA max_page_count = 1000000") }
    guard case .created = try await store.store(sample(100, seed: 1), name: "a.jpg") else {
      Issue.record("there is room again")
      return
    }
    #expect(try await store.problems() == [])
  }
}

@Suite struct WantOfRoomTests {
  @Test func logIndexThatCannotGrowIsAFullDisk() async throws {
    let full = DatabaseError(resultCode: .SQLITE_IOERR_SHMSIZE)
    #expect(StoreError.wrap(full) as? StoreError == .diskFull)
    let store = try await StoreFixture()
    // There is room: a failed write is the disk's fault.
    let failed = store.catalog.wrap(DatabaseError(resultCode: .SQLITE_IOERR_WRITE))
    #expect(failed as? StoreError != .diskFull)
  }

  @Test(.enabled(if: SmallDisk.isPossible, "mounting a small file system is not permitted here"))
  func writeThatFailsWithoutRoomIsAFullDisk() async throws {
    let disk = try SmallDisk(megabytes: 8)
    let store = try await StoreFixture(path: disk.path)
    try disk.fill(leaving: 1)
    #expect(store.catalog.wrap(DatabaseError(resultCode: .SQLITE_IOERR_WRITE)) as? StoreError == .diskFull)
  }

  /// A list beyond what is read of one is damaged, not a sign of a full disk.
  @Test func oversizedFileIsNoFullDisk() async throws {
    let folder = try TemporaryFolder()
    try Data(count: 11).write(to: URL(fileURLWithPath: folder.path + "/a"))
    #expect {
      try FileSystem.contents(folder.path + "/a", limit: 10)
    } throws: {
      guard let error = $0 as? SystemError else { return false }
      return error.code == EOVERFLOW && !error.isDiskFull
    }
  }
}
