import CLinux
import Glibc

/// Says to whoever waits for a subprocess that it is over: once raised, it stays.
package final class StopSignal: Sendable {
  let number: Int32

  package init() throws(SystemError) {
    number = try system("eventfd") { eventfd(0, Int32(NS_EFD_CLOEXEC)) }
  }

  deinit { close(number) }

  package func raise() {
    var one: UInt64 = 1
    _ = write(number, &one, MemoryLayout<UInt64>.size)
  }

  package var isRaised: Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }
}
