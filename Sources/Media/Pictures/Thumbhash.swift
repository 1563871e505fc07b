import Glibc

/// A picture of some 25 bytes after Evan Wallace's published algorithm: the lowest frequencies of brightness (up to 7 by 7),
/// of two colour differences (3 by 3) and of opacity (5 by 5), four bits each.
enum Thumbhash {
  /// - Parameter pixels: at most 100 by 100.
  static func encode(_ pixels: Pixels) -> [UInt8] {
    let (width, height, count) = (pixels.width, pixels.height, pixels.width * pixels.height)
    // The average colour, weighted by opacity, stands behind what is transparent.
    var average = (red: 0.0, green: 0.0, blue: 0.0)
    var opacity = 0.0
    for index in 0..<count {
      let (red, green, blue, alpha) = pixels.colour(index)
      average.red += alpha * red
      average.green += alpha * green
      average.blue += alpha * blue
      opacity += alpha
    }
    if opacity > 0 { average = (average.red / opacity, average.green / opacity, average.blue / opacity) }
    let hasAlpha = opacity < Double(count)
    let most = hasAlpha ? 5.0 : 7.0
    let longest = Double(max(width, height))
    let across = max(1, rounded(most * Double(width) / longest))
    let down = max(1, rounded(most * Double(height) / longest))

    var luminance: [Double] = []
    var yellowBlue: [Double] = []
    var redGreen: [Double] = []
    var alphas: [Double] = []
    for index in 0..<count {
      let (red, green, blue, alpha) = pixels.colour(index)
      let r = average.red * (1 - alpha) + alpha * red
      let g = average.green * (1 - alpha) + alpha * green
      let b = average.blue * (1 - alpha) + alpha * blue
      luminance.append((r + g + b) / 3)
      yellowBlue.append((r + g) / 2 - b)
      redGreen.append(r - g)
      alphas.append(alpha)
    }
    func channel(_ values: [Double], _ across: Int, _ down: Int) -> Channel {
      Channel(values, width: width, height: height, across: across, down: down)
    }
    let l = channel(luminance, max(3, across), max(3, down))
    let p = channel(yellowBlue, 3, 3)
    let q = channel(redGreen, 3, 3)
    let a = hasAlpha ? channel(alphas, 5, 5) : nil

    let isLandscape = width > height
    let head =
      rounded(63 * l.average) | rounded(31.5 + 31.5 * p.average) << 6 | rounded(31.5 + 31.5 * q.average) << 12
      | rounded(31 * l.scale) << 18 | (hasAlpha ? 1 << 23 : 0)
    let form =
      (isLandscape ? down : across) | rounded(63 * p.scale) << 3 | rounded(63 * q.scale) << 9
      | (isLandscape ? 1 << 15 : 0)
    var hash = [head, head >> 8, head >> 16, form, form >> 8].map { UInt8(truncatingIfNeeded: $0) }
    if let a { hash.append(UInt8(rounded(15 * a.average) | rounded(15 * a.scale) << 4)) }
    var isLow = true
    for wave in [l, p, q, a].compactMap({ $0 }).flatMap(\.waves) {
      let value = UInt8(rounded(15 * wave))
      if isLow { hash.append(value) } else { hash[hash.count - 1] |= value << 4 }
      isLow.toggle()
    }
    return hash
  }

  /// The discrete cosine transform's corner below the diagonal.
  private struct Channel {
    let average: Double
    let scale: Double
    /// Each from 0 to 1, 0.5 is none of it.
    let waves: [Double]

    init(_ values: [Double], width: Int, height: Int, across: Int, down: Int) {
      var (average, scale) = (0.0, 0.0)
      var waves: [Double] = []
      for y in 0..<down {
        let vertical = (0..<height).map { cos(Double.pi / Double(height) * Double(y) * (Double($0) + 0.5)) }
        var x = 0
        while x * down < across * (down - y) {
          let horizontal = (0..<width).map { cos(Double.pi / Double(width) * Double(x) * (Double($0) + 0.5)) }
          var sum = 0.0
          for row in 0..<height {
            var line = 0.0
            for column in 0..<width { line += values[column + row * width] * horizontal[column] }
            sum += line * vertical[row]
          }
          sum /= Double(width * height)
          if x > 0 || y > 0 {
            waves.append(sum)
            scale = max(scale, abs(sum))
          } else {
            average = sum
          }
          x += 1
        }
      }
      if scale > 0 { waves = waves.map { 0.5 + 0.5 / scale * $0 } }
      (self.average, self.scale, self.waves) = (average, scale, waves)
    }
  }

  private static func rounded(_ value: Double) -> Int { Int((value + 0.5).rounded(.down)) }
}
