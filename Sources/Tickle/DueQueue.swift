/// Slots by the moment at which each is to be looked at: a binary heap that knows where each slot stands, so that a slot can
/// be moved. One entry a slot; a look costs the logarithm of their number, and nobody goes through all of them.
struct DueQueue: Sendable {
  private struct Entry {
    var at: Int64
    let slot: Int32
  }
  private var heap: [Entry] = []
  /// Where a slot stands in the heap; -1 for one that does not.
  private var places: [Int32] = []

  var first: (at: Int64, slot: Int)? { heap.first.map { ($0.at, Int($0.slot)) } }
  var count: Int { heap.count }

  mutating func reserve(_ count: Int) {
    heap.reserveCapacity(count)
    places.reserveCapacity(count)
  }

  /// When a slot is due; nil where it does not stand here.
  func at(_ slot: Int) -> Int64? {
    guard slot < places.count, places[slot] >= 0 else { return nil }
    return heap[Int(places[slot])].at
  }

  /// Puts a slot in, or moves it.
  mutating func set(_ slot: Int, at: Int64) {
    while places.count <= slot { places.append(-1) }
    let place = Int(places[slot])
    guard place >= 0 else {
      heap.append(Entry(at: at, slot: Int32(slot)))
      places[slot] = Int32(heap.count - 1)
      rise(heap.count - 1)
      return
    }
    let old = heap[place].at
    heap[place].at = at
    if at < old { rise(place) } else { sink(place) }
  }

  mutating func remove(_ slot: Int) {
    guard slot < places.count, places[slot] >= 0 else { return }
    let place = Int(places[slot])
    places[slot] = -1
    let last = heap.removeLast()
    guard place < heap.count else { return }
    heap[place] = last
    places[Int(last.slot)] = Int32(place)
    rise(place)
    sink(Int(places[Int(last.slot)]))
  }

  /// What is due at a moment, the longest overdue first.
  func due(at moment: Int64) -> [(at: Int64, slot: Int)] {
    heap.filter { $0.at <= moment }.sorted { ($0.at, $0.slot) < ($1.at, $1.slot) }.map { ($0.at, Int($0.slot)) }
  }

  private mutating func rise(_ start: Int) {
    var place = start
    let entry = heap[place]
    while place > 0 {
      let parent = (place - 1) / 2
      guard isBefore(entry, heap[parent]) else { break }
      heap[place] = heap[parent]
      places[Int(heap[place].slot)] = Int32(place)
      place = parent
    }
    heap[place] = entry
    places[Int(entry.slot)] = Int32(place)
  }

  private mutating func sink(_ start: Int) {
    var place = start
    let entry = heap[place]
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, isBefore(heap[child + 1], heap[child]) { child += 1 }
      guard isBefore(heap[child], entry) else { break }
      heap[place] = heap[child]
      places[Int(heap[place].slot)] = Int32(place)
      place = child
    }
    heap[place] = entry
    places[Int(entry.slot)] = Int32(place)
  }

  private func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    left.at != right.at ? left.at < right.at : left.slot < right.slot
  }
}
