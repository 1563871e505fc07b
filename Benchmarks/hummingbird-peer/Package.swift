// swift-tools-version: 6.2
import PackageDescription

// The peer of `Benchmarks/run`: what an ordinary upload server on SwiftNIO and Hummingbird reaches. Never part of the product.
let package = Package(
  name: "hummingbird-peer",
  platforms: [.macOS(.v14)],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/apple/swift-crypto", "3.0.0"..<"5.0.0"),
  ],
  targets: [
    .executableTarget(
      name: "HummingbirdPeer",
      dependencies: [
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Crypto", package: "swift-crypto"),
      ])
  ]
)
