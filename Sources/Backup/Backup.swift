import Ground
import Logging
import Outbound
import Store

/// The product's use cases over one data directory. Everything above speaks to storage through here.
package final class Backup: Sendable {
  package struct Options: Sendable {
    /// The data directory; made on first use, refused where its marker is missing (see `DataDirectory`).
    package var dataFolder: String
    /// The folder with the numbered SQL files.
    package var migrationsFolder: String
    /// Bytes of free space that uploads may not touch, so that the catalog can always write. 512 MiB by default.
    package var reserve: Int64 = 512 << 20
    package var uploads = Uploads.Limits()
    package var trash = Trash.Limits()
    package var activity = Activity.Limits()
    package var tickles = Tickles.Limits()
    package var alerts = Alerts.Options()
    package var push = PushOptions()
    /// A command line works on accounts beside a running server: it leaves staging alone and receives nothing.
    package var role = DataDirectory.Role.server
    /// Whether a new or empty folder becomes a data directory: a mistyped path must not look like an empty backup.
    package var mayCreate = true
    /// Of new passwords; older ones are hashed anew at the next login.
    package var passwordCost = PasswordCost.standard
    /// Where the uploads' time comes from.
    package var clock = Accounts.Clock.system

    /// Where the programs are that read files and make pictures; another answer for tests.
    package var findTool: @Sendable (String) -> String? = { Program.find($0) }

    package init(dataFolder: String, migrationsFolder: String) {
      (self.dataFolder, self.migrationsFolder) = (dataFolder, migrationsFolder)
    }
  }

  package let accounts: Accounts
  package let assets: Assets
  /// Thumbnails and previews.
  package let albums: Albums
  package let tags: Tags
  package let trash: Trash
  package let downloads: Downloads
  package let sync: Sync
  package let desk: ReceiveDesk
  package let uploads: Uploads

  package let media: MediaLibrary
  package let jobs: Jobs
  package let devices: Devices
  package let holdings: Holdings
  package let activity: Activity
  package let tickles: Tickles
  /// Tells people of devices in trouble.
  package let alerts: Alerts
  /// Whatever the server sends by itself.
  package let outbound: Outbound
  /// Where devices can be woken.
  package let push: PushRegistry
  /// Wakes whoever watches.
  package let live = LiveSignal()
  /// New photos, as soon as they can be shown.
  package let ready: ReadyAssets

  /// Bytes of free space that uploads may not touch.
  let reserve: Int64
  private let contacts: Contacts
  private let log: ActivityLog
  private let directory: DataDirectory
  private let catalog: Catalog
  private let logger: Logger
  /// Removes expired uploads now and then, and looks at the devices.
  private let sweeper: Task<Void, Never>?

  /// Opens the catalog, migrates it, and finishes or undoes what a crash left half done.
  /// - Throws: `StoreError`, which carries a hint for the operator.
  package init(_ options: Options, logger: Logger) async throws {
    let directory = try DataDirectory(options.dataFolder, role: options.role, mayCreate: options.mayCreate)
    if directory.isNew { logger.notice("made a new data directory in \(directory.root)") }
    let catalog = try Catalog(path: directory.catalog)
    try await Backup.migrate(catalog, directory, Migrator(Migrations(folder: options.migrationsFolder)), logger)
    try await directory.check(against: catalog)
    let originals = Originals(root: directory.originals, quarantine: directory.quarantine)
    let bell = JobBell()
    let (live, wall) = (live, options.clock.wall)
    let log = ActivityLog(catalog: catalog, live: live, logger: logger)
    tickles = Tickles(limits: options.tickles, catalog: catalog, logger: logger, now: wall)
    let contacts = Contacts(catalog: catalog, live: live, tickles: tickles.inbox, logger: logger, now: wall)
    var (staging, finisher): (Staging?, Finisher?) = (nil, nil)
    switch options.role {
    case .server:
      let files = try Staging(
        root: directory.staging, originals: directory.originals, blocks: BlockPool(), reserve: options.reserve)
      logger.info("large uploads are written \(files.mode == .direct ? "by direct I/O" : "through a sliding window")")
      try await catalog.foldNames()
      _ = try Recovery(catalog: catalog, staging: files, originals: originals, logger: logger).run()
      (staging, finisher) = (
        files,
        Finisher(catalog: catalog, staging: files, originals: originals, logger: logger) {
          bell.ring(photos: $0)
          live.ring()
        }
      )
    case .commandLine:
      // What is prepared needs no lock any more: a server may start beside this command.
      directory.unlock()
    }
    desk = ReceiveDesk(
      catalog: catalog, originals: originals, staging: staging, finisher: finisher,
      transfers: Transfers(log: log, live: live, now: wall))
    accounts = Accounts(
      catalog: catalog, logger: logger, cost: options.passwordCost, activity: log, live: live)
    assets = Assets(catalog: catalog, originals: originals)
    albums = Albums(catalog: catalog)
    tags = Tags(catalog: catalog)
    sync = Sync(catalog: catalog)
    downloads = Downloads(catalog: catalog, originals: originals)
    let derived = Derived(root: directory.derived)
    trash = Trash(
      limits: options.trash, catalog: catalog, originals: originals,
      remover: finisher.map {
        Remover(
          catalog: catalog, originals: originals, quarantine: directory.quarantine, finisher: $0, logger: logger,
          removePictures: { try derived.remove($0) })
      }, logger: logger, live: live, now: options.clock.wall)
    uploads = Uploads(
      limits: options.uploads, desk: desk, catalog: catalog, staging: staging, finisher: finisher, logger: logger,
      clock: options.clock)
    media = MediaLibrary(
      catalog: catalog, originals: originals, originalsFolder: directory.originals,
      derived: derived, bell: bell, logger: logger)
    ready = ReadyAssets(catalog: catalog, logger: logger)
    jobs = try Jobs(
      catalog: catalog, library: media, bell: bell, ready: ready, logger: logger, find: options.findTool)
    if options.role == .server { try await jobs.start() }
    devices = Devices(
      catalog: catalog, assets: assets, contacts: contacts, live: live, tickles: tickles.inbox, logger: logger,
      now: wall)
    holdings = Holdings(catalog: catalog, logger: logger, now: wall)
    activity = Activity(limits: options.activity, catalog: catalog, log: log, live: live, logger: logger, now: wall)
    var sending = Outbound.Options()
    (sending.allowed, sending.authorities) = (options.push.allowed, options.push.authorities)
    outbound = Outbound(sending, resolver: options.push.resolver, now: wall)
    push = try PushRegistry(
      options.push, keys: directory.keys, catalog: catalog, outbound: outbound, live: live, logger: logger, now: wall)
    if options.role == .server { try await push.start() }
    let registry = push
    devices.reachChanged.withLock { $0 = { await registry.changed($0) } }
    let post = OutboundPost(
      outbound: outbound, push: push, mail: options.alerts.mail, publicURL: options.alerts.publicURL, now: wall)
    alerts = Alerts(
      options.alerts, catalog: catalog, devices: devices, post: post,
      check: { try registry.check(alert: $0) }, logger: logger, now: wall)
    (self.contacts, self.log, reserve) = (contacts, log, options.reserve)
    let (watched, place) = (desk, directory.originals)
    let disk = DiskWatch(
      catalog: catalog, live: live, post: post,
      space: { try await watched.lane().run { try FileSystem.space(place) } }, logger: logger, now: wall)
    sweeper = options.role == .server ? Backup.sweeping(uploads, devices, activity, push, tickles, alerts, disk) : nil
    (self.directory, self.catalog, self.logger) = (directory, catalog, logger)
    guard options.role == .server else { return }
    let transfers = desk.transfers
    try await tickles.start(
      push, receiving: { Set(transfers.underWay.compactMap { $0.origin?.device }) },
      contacts: { contacts.lastContacts(of: $0) })
    alerts.start()
  }

  private static func migrate(
    _ catalog: Catalog, _ directory: DataDirectory, _ migrator: Migrator, _ logger: Logger
  ) async throws {
    let pending = try await migrator.pending(catalog)
    guard !pending.isEmpty else { return }
    // The running server's statements are written for the catalog as it is.
    guard directory.isExclusive else { throw StoreError.migrationBlocked(path: directory.root) }
    if !directory.isNew {
      // 1,000,000 photos through seven files: 66 s on a busy machine of two cores.
      logger.notice("the catalog is being migrated (\(pending.count) files of migrations/); a large one takes a minute")
    }
    if let copy = try await migrator.migrate(catalog, backups: directory.backups) {
      logger.notice("the catalog was migrated; a copy of the one before is \(copy)")
    }
  }

  deinit { sweeper?.cancel() }

  /// Sweeps at once and every ten minutes until it is cancelled.
  private static func sweeping(
    _ uploads: Uploads, _ devices: Devices, _ activity: Activity, _ push: PushRegistry, _ tickles: Tickles,
    _ alerts: Alerts, _ disk: DiskWatch
  ) -> Task<Void, Never> {
    Task { [weak uploads, weak devices, weak activity, weak push, weak tickles, weak alerts] in
      while true {
        if let uploads { await uploads.sweep(uploads.clock.wall()) } else { return }
        await devices?.judge()
        alerts?.ring()
        await disk.look()
        await activity?.sweep()
        await tickles?.sweep()
        await push?.sweep()
        do { try await Task.sleep(for: .seconds(Uploads.sweepInterval)) } catch { return }
      }
    }
  }

  /// Whether uploads can be stored; false after the catalog failed in the middle of recording, until a restart.
  package var isReady: Bool { !desk.isBroken }

  /// Free and total bytes of the disk that holds the originals.
  package func space() throws -> (free: Int64, total: Int64) {
    do { return try FileSystem.space(directory.originals) } catch { throw StoreError(error) }
  }

  /// Cuts the uploads under way, lets running commits finish and closes the catalog.
  /// - Parameter seconds: for which uploads that are being stored may go on.
  package func close(within seconds: Double = 2) async {
    sweeper?.cancel()
    // First those who send, then what they send through: what is cut is nobody's failure.
    await tickles.hold()
    alerts.hold()
    live.close()
    async let isSilent: Void = outbound.close(within: seconds)
    await uploads.drain(within: seconds)
    await jobs.close()
    await isSilent
    await tickles.close()
    await alerts.close()
    await trash.close()
    await sweeper?.value
    await desk.close()
    await accounts.settleTouches()
    await holdings.close()
    await contacts.close()
    await log.close()
    // Everything acknowledged is on disk already; a failing close loses nothing. Not on this thread: closing waits for
    // readers, which on a machine of one core need it to end.
    do { try await Lane(label: "catalog.close").run { try catalog.close() } } catch {
      logger.error("the catalog could not be closed cleanly: \(error)")
    }
    directory.unlock()
  }
}
