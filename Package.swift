// swift-tools-version: 6.2
import PackageDescription

// Floors, top to bottom. A target may import only what its line names, and everything it names lies below it:
// `make check` compiles with --explicit-target-dependency-import-check error.

/// Every floor: Swift 6 mode, warnings are errors, async functions stay on their caller's lane.
let everyFloor: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
]
/// Floors that touch neither C nor the kernel: an unsafe construct is a compile error there.
let safeFloor = everyFloor + [.strictMemorySafety()]

let package = Package(
  name: "nightstand",
  products: [.executable(name: "nightstand", targets: ["nightstand"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    // Loaded when it is first needed: its headers are all that a build takes.
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(name: "Ground", dependencies: ["CLinux", "COpenSSL", "CZlib"], swiftSettings: everyFloor),
    .target(name: "Outbound", dependencies: ["CCurl", "CLinux", "Ground"], swiftSettings: everyFloor),
    .target(
      name: "Push",
      dependencies: ["Ground", "Outbound", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: safeFloor),
    .target(name: "Wire", dependencies: ["Ground"], swiftSettings: safeFloor),
    .target(
      name: "HTTPServer",
      dependencies: [
        "CLinux", "COpenSSL", "CZlib", "Ground",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: everyFloor),
    .target(name: "Media", dependencies: ["Ground"], swiftSettings: safeFloor),
    .target(name: "Tickle", dependencies: ["Ground"], swiftSettings: safeFloor),
    .target(
      name: "Store",
      dependencies: [
        "CLinux", "Ground",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: everyFloor),
    .target(
      name: "Backup",
      dependencies: [
        "Ground", "Store", "Media", "Tickle", "Outbound", "Push",
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: safeFloor),
    .target(
      name: "API",
      dependencies: [
        "Ground", "HTTPServer", "Wire", "Media", "Tickle", "Backup",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: safeFloor),
    .executableTarget(
      name: "nightstand",
      dependencies: [
        "Ground", "Outbound", "Push", "HTTPServer", "Store", "Backup", "API",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], swiftSettings: safeFloor),

    // For tests that need a catalog, and not to see it migrated.
    .target(
      name: "MigratedCatalog", dependencies: ["Store", "Ground"], path: "Tests/MigratedCatalog",
      swiftSettings: everyFloor),
    // A log that tests can read.
    .target(
      name: "LogLines", dependencies: [.product(name: "Logging", package: "swift-log")], path: "Tests/LogLines",
      swiftSettings: everyFloor),
    // A simulated year: by the tests, and larger by `Benchmarks/run i`.
    .target(
      name: "TickleSimulation", dependencies: ["Tickle", "Ground"], path: "Tests/TickleSimulation",
      swiftSettings: everyFloor),
    .executableTarget(
      name: "tickle-year", dependencies: ["TickleSimulation", "Tickle", "Ground"], path: "Tests/TickleYear",
      swiftSettings: everyFloor),
    .testTarget(
      name: "TickleTests", dependencies: ["Tickle", "TickleSimulation", "Ground"], swiftSettings: everyFloor),
    .testTarget(name: "GroundTests", dependencies: ["Ground"], swiftSettings: everyFloor),
    .testTarget(name: "OutboundTests", dependencies: ["Outbound", "Ground"], swiftSettings: everyFloor),
    .testTarget(
      name: "PushTests",
      dependencies: ["Push", "Outbound", "Ground", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: everyFloor),
    .testTarget(
      name: "HTTPServerTests",
      dependencies: [
        "HTTPServer", "Ground", .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: everyFloor),
    .testTarget(
      name: "StoreTests",
      dependencies: [
        "Store", "MigratedCatalog", "LogLines", "Ground", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: everyFloor),
    .testTarget(
      name: "BackupTests",
      dependencies: [
        "Backup", "Store", "MigratedCatalog", "Media", "Tickle", "Push", "Ground",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: everyFloor),
    .testTarget(
      name: "APITests",
      dependencies: [
        "API", "Backup", "Store", "MigratedCatalog", "LogLines", "HTTPServer", "Ground", "Wire",
        .product(name: "HTTPTypes", package: "swift-http-types"),
      ], swiftSettings: everyFloor),
  ]
)
