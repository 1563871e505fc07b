extension RunningDigest {
  /// The first `count` bytes of a block.
  package func update(_ block: Block, _ count: Int) {
    update(UnsafeRawBufferPointer(rebasing: block.memory[..<count]))
  }
}

extension Block {
  /// A copy of the first `count` bytes, or of fewer where it holds fewer.
  package func head(_ count: Int) -> [UInt8] { Array(bytes.prefix(count)) }
}
