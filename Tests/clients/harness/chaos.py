"""A proxy on loopback that does to a connection what networks do: it stalls, resets, vanishes, creeps, cuts."""

import contextlib
import dataclasses
import fcntl
import queue
import select
import socket
import struct
import threading

CLOSE = "close"    # both sides see a clean end
RESET = "reset"    # both sides see a reset
STALL = "stall"    # nothing moves any more; what was said meanwhile arrives later, if the test lets it
VANISH = "vanish"  # what either side says is swallowed; both connections stay open

SIOCOUTQNSD = 0x894B  # linux/sockios.h: bytes in the socket that were not sent yet


@dataclasses.dataclass
class Plan:
    """What happens to one connection. Without a cut it is passed on to its end."""

    # After so many bytes of the first request's body were passed on (a coding of the body counts as body).
    cut: int | None = None
    # What happens then.
    then: str = RESET
    # At most so many bytes a second, towards the server.
    rate: float | None = None
    # At most so many bytes per write, towards the server.
    piece: int | None = None
    _link: "queue.SimpleQueue[Link]" = dataclasses.field(default_factory=queue.SimpleQueue, repr=False)

    def link(self, limit=5.0) -> "Link":
        """The connection that took this plan; waits for it. Once."""
        return self._link.get(timeout=limit)


class Link:
    """One connection through the proxy, with a thread of its own."""

    def __init__(self, proxy, client, plan):
        self.proxy, self.client, self.plan = proxy, client, plan
        self.server = socket.create_connection(("127.0.0.1", proxy.target))
        for side in (self.client, self.server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Bytes of the first body that left for the server.
        self.passed = 0
        # How often it wrote: the other side's kernel may put some together again.
        self.writes = 0
        self.was_cut = threading.Event()
        self.over = threading.Event()
        self._released = threading.Event()
        self._ended = threading.Event()
        self._held = b""
        self._head = b""
        self._in_body = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def release(self):
        """Lets a stalled connection go on: what the client said meanwhile goes to the server now, late."""
        self._released.set()

    def end(self):
        """Resets both sides, whatever state the connection is in."""
        self._ended.set()

    def _run(self):
        try:
            self._pass_on()
        except OSError:
            pass
        finally:
            # A peer's failure is passed on as a failure.
            self._drop()
            self.over.set()

    def _drop(self):
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()

    def _pass_on(self):
        open_sides = {self.client, self.server}
        while open_sides and not self._ended.is_set():
            ready = select.select(list(open_sides), [], [], 0.05)[0]
            for side in ready:
                data = side.recv(1 << 18)
                if not data:
                    open_sides.discard(side)
                    other = self.server if side is self.client else self.client
                    with contextlib.suppress(OSError):
                        other.shutdown(socket.SHUT_WR)
                elif side is self.server:
                    self.client.sendall(data)
                elif not self._towards_server(data):
                    return self._cut()
            if not open_sides:
                for side in (self.client, self.server):
                    side.close()

    def _towards_server(self, data):
        """False where the plan's cut is reached; the bytes behind it are held."""
        if not self._in_body:
            before = len(self._head)
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                self.server.sendall(data)
                return True
            head, data = self._head[before : end + 4], self._head[end + 4 :]
            self._in_body, self._head = True, b""
            self.server.sendall(head)
        room = len(data) if self.plan.cut is None else max(self.plan.cut - self.passed, 0)
        self._send_body(data[:room])
        self._held = data[room:]
        return self.plan.cut is None or self.passed < self.plan.cut

    def _send_body(self, data):
        step = self.plan.piece or (max(int(self.plan.rate / 20), 1) if self.plan.rate else len(data))
        for start in range(0, len(data), max(step, 1)):
            if self._ended.is_set():
                raise OSError("ended")
            piece = data[start : start + step]
            self.server.sendall(piece)
            self.writes += 1
            self.passed += len(piece)
            if self.plan.rate:
                self._ended.wait(len(piece) / self.plan.rate)  # being slow is what this link does

    def _cut(self):
        then = self.plan.then
        if then == RESET:
            # What the kernel still holds never leaves once the connection is reset.
            unsent = struct.unpack("i", fcntl.ioctl(self.server, SIOCOUTQNSD, b"\0" * 4))[0]
            self.passed -= min(unsent, self.passed)
        self.proxy.count_cut()
        if then in (RESET, CLOSE):
            if then == CLOSE:
                for side in (self.client, self.server):
                    with contextlib.suppress(OSError):
                        side.shutdown(socket.SHUT_WR)
                # Unread bytes would turn the clean end into a reset.
                self.client.setblocking(False)
                with contextlib.suppress(OSError):
                    while self.client.recv(1 << 18):
                        pass
                self.server.close()
                self.client.close()
            else:
                self._drop()
            self.was_cut.set()
            return
        self.was_cut.set()
        if then == STALL:
            while not self._released.wait(0.05):
                if self._ended.is_set():
                    return
            self.plan.cut = None
            with contextlib.suppress(OSError):
                self._send_body(self._held)
                self._pass_on()
            return
        while not self._ended.wait(0.02):  # VANISH
            for side in select.select([self.client, self.server], [], [], 0)[0]:
                with contextlib.suppress(OSError):
                    side.recv(1 << 18)


class Chaos:
    """Stands before a server on a port of its own. Every new connection takes the next plan, else it is passed on."""

    tls = None

    def __init__(self, target_port: int):
        self.target = target_port
        self.links: list[Link] = []
        self.cuts = 0
        self._plans: queue.SimpleQueue[Plan] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Wakes the thread in `accept`, which a plain close would leave there.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self.links):
            link.end()
        for link in list(self.links):
            link.thread.join(5)

    def plan(self, cut=None, then=RESET, **options) -> Plan:
        """What happens to the next connection."""
        plan = Plan(cut, then, **options)
        self._plans.put(plan)
        return plan

    def count_cut(self):
        with self._lock:
            self.cuts += 1

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                plan = self._plans.get_nowait()
            except queue.Empty:
                plan = Plan()
            try:
                link = Link(self, client, plan)
            except OSError:
                client.close()
                continue
            with self._lock:
                # Thousands of connections: only those that live are kept.
                self.links = [old for old in self.links if not old.over.is_set()] + [link]
            link.thread.start()
            plan._link.put(link)
