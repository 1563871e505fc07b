"""Raw sockets: bytes out exactly as a test wants them, answers in, and whether the connection ended in peace."""

import os
import re
import socket
import ssl
import time
import zlib

LIMIT = 15.0


class Answer:
    """One HTTP answer, whatever carried it."""

    def __init__(self, status, fields, body, version="HTTP/1.1", reason="", informational=()):
        self.status, self.fields, self.body = status, list(fields), body
        self.version, self.reason = version, reason
        # The 1xx answers that came before it, whole.
        self.informational = list(informational)

    @property
    def interim(self):
        """The statuses of the 1xx answers that came before it."""
        return [answer.status for answer in self.informational]

    def header(self, name):
        values = self.all(name)
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def content_type(self):
        return (self.header("content-type") or "").split(";")[0].strip().lower()

    def json(self):
        from . import contract
        return contract.parse(self.body)

    @property
    def message(self):
        return self.json()["message"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Closed(Exception):
    """The server closed the connection where an answer was expected."""


class Wire:
    """One connection, plain or TLS."""

    def __init__(self, server, *, source="127.0.0.1", limit=LIMIT, receive_buffer=None, tls=None):
        self.limit = limit
        self.pending = b""
        self.plain = socket.socket()
        if receive_buffer:
            self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.plain.settimeout(limit)
        self.plain.bind((source, 0))
        self.plain.connect(("127.0.0.1", server.port))
        self.plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.plain
        secured = server.tls is not None if tls is None else tls
        if secured:
            self.socket = server.tls.client_context().wrap_socket(self.plain, server_hostname="127.0.0.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, *, piece=None):
        """Sends everything; with `piece`, in writes of that many bytes."""
        if piece is None:
            self.socket.sendall(data)
        else:
            for start in range(0, len(data), piece):
                self.socket.sendall(data[start : start + piece])
        return self

    def half_close(self):
        """Says that nothing more will come, and stays open for the answer (also underneath TLS)."""
        with socket.socket(fileno=os.dup(self.socket.fileno())) as twin:
            twin.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Goes away the rude way: the peer sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def _more(self):
        piece = self.socket.recv(65536)
        self.pending += piece
        return bool(piece)

    def _line(self):
        while b"\r\n" not in self.pending:
            if not self._more():
                raise Closed(f"closed with {self.pending!r} unread")
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def _take(self, count):
        while len(self.pending) < count:
            if not self._more():
                raise Closed(f"closed after {len(self.pending)} of {count} bytes")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def _head(self):
        line = self._line().decode("latin-1")
        match = re.fullmatch(r"(HTTP/1\.[01]) (\d{3})(?: (.*))?", line)
        assert match, f"not a status line: {line!r}"
        fields = []
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f"not a field name: {name!r}"
            fields.append((name, value.strip()))
        return match[1], int(match[2]), match[3] or "", fields

    def answer(self, method="GET") -> Answer:
        """Reads one final answer; interim ones are kept in its `informational`."""
        informational = []
        while True:
            version, status, reason, fields = self._head()
            if status >= 200 or status == 101:
                break
            informational.append(Answer(status, fields, b"", version, reason))
        answer = Answer(status, fields, b"", version, reason, informational)
        lengths, coding = answer.all("content-length"), answer.header("transfer-encoding")
        assert len(lengths) <= 1, f"two lengths: {lengths}"
        assert not (lengths and coding), "a length and a transfer coding"
        if method == "HEAD" or status in (204, 304):
            return answer
        if coding:
            assert coding == "chunked", coding
            answer.body = self._chunks()
        elif lengths:
            answer.body = self._take(int(lengths[0]))
        else:
            while self._more():
                pass
            answer.body, self.pending = self.pending, b""
        if answer.header("content-encoding") == "gzip":
            answer.body = zlib.decompress(answer.body, wbits=31)
        return answer

    def interim(self) -> Answer:
        """Reads one 1xx answer, before the final one is there."""
        version, status, reason, fields = self._head()
        assert 100 <= status < 200, f"not an interim answer: {status} {reason} {fields}"
        return Answer(status, fields, b"", version, reason)

    def _chunks(self):
        body = b""
        while size := int(self._line().split(b";")[0], 16):
            body += self._take(size)
            assert self._take(2) == b"\r\n"
        while self._line():
            pass
        return body

    def ends(self, limit=None) -> bytes:
        """What else came until the server closed in peace; fails where it does not close, or resets."""
        self.socket.settimeout(limit or self.limit)
        try:
            while self._more():
                pass
        except TimeoutError:
            raise AssertionError(f"the connection stayed open; unread: {self.pending[:200]!r}") from None
        except ConnectionResetError:
            raise AssertionError("the connection was reset") from None
        except ssl.SSLError as error:
            raise AssertionError(f"TLS ended badly: {error}") from error
        rest, self.pending = self.pending, b""
        return rest

    def gone(self, limit=None):
        """Waits until the server has closed or reset the connection; whatever came before is thrown away."""
        self.socket.settimeout(limit or self.limit)
        try:
            while self._more():
                self.pending = b""
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass
        except TimeoutError:
            raise AssertionError("the connection stayed open") from None


def exchange(server, data, **options) -> Answer:
    """One request on a connection of its own."""
    with Wire(server, **options) as wire:
        return wire.send(data).answer()


def get(target="/api/server/ping", *fields):
    """The bytes of a plain GET."""
    lines = [f"GET {target} HTTP/1.1", "Host: nightstand.test", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def elapsed(work):
    """What the work returned and how many seconds it took."""
    start = time.monotonic()
    return work(), time.monotonic() - start
