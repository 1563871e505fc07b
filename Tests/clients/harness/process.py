"""A Nightstand process on a data directory of its own, on a port the kernel chose."""

import contextlib
import os
import pathlib
import re
import selectors
import shutil
import signal
import ssl
import subprocess
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
READY = re.compile(rb"nightstand ready (https?)://(?:127\.0\.0\.1|\[?[0-9a-f.:]+\]?|localhost):(\d+)\s*")
START_LIMIT = 30.0


def binary() -> pathlib.Path:
    """NIGHTSTAND_BINARY, else the release build, else the debug build."""
    if chosen := os.environ.get("NIGHTSTAND_BINARY"):
        path = pathlib.Path(chosen)
        if not path.is_file():
            raise FileNotFoundError(f"NIGHTSTAND_BINARY={chosen} does not exist")
        return path.resolve()
    for kind in ("release", "debug"):
        path = REPOSITORY / ".build" / kind / "nightstand"
        if path.is_file():
            return path
    raise FileNotFoundError("no nightstand binary: run `swift build -c release`, or set NIGHTSTAND_BINARY")


def until(condition, limit=30.0, what="the condition"):
    """Asks again and again until the answer is true, and returns it; fails at the deadline."""
    deadline = time.monotonic() + limit
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {limit} s")
        time.sleep(0.005)  # between two looks; the deadline is above


class Nightstand:
    """One server. `start` waits for its ready line; `kill` is kill -9; `stop` is SIGTERM and checks the exit code.

    `under` is a command that starts the server as itself, such as a tracer that stays in the background.
    """

    def __init__(self, data: pathlib.Path, *options: str, tls: "Certificate | None" = None, environment=None, under=()):
        self.data = pathlib.Path(data)
        self.options = [str(option) for option in options]
        self.tls = tls
        self.environment = dict(environment or {})
        self.under = [str(word) for word in under]
        self.log = self.data.parent / f"{self.data.name}.log"
        self.process: subprocess.Popen | None = None
        self.port = 0
        # The fields of a login that its folder came with.
        self.session: dict | None = None

    @property
    def scheme(self):
        return "https" if self.tls else "http"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def spawn(self, **environment):
        """Starts the process without waiting until it is ready."""
        assert self.process is None, "already running"
        command = [*self.under, str(binary()), "serve", "--data", str(self.data), "--host", "127.0.0.1", "--port", "0"]
        command += self.options
        if self.tls:
            command += ["--tls-cert", str(self.tls.certificate), "--tls-key", str(self.tls.key)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL,
                env=clean_environment() | self.environment | environment)
        return self

    def start(self, **environment):
        self.spawn(**environment)
        return self.await_ready()

    def await_ready(self):
        output, line = self.process.stdout, b""
        deadline = time.monotonic() + START_LIMIT
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise AssertionError(f"no ready line within {START_LIMIT} s\n{self.tail()}")
                piece = os.read(output.fileno(), 4096)
                if not piece:
                    code = self.process.wait()
                    self.process = None
                    raise AssertionError(f"the server ended with {code} before it was ready\n{self.tail()}")
                line += piece
        match = READY.fullmatch(line)
        assert match, f"not a ready line: {line!r}"
        assert match[1].decode() == self.scheme, line
        self.port = int(match[2])
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit):
        """The exit code; the process is gone afterwards."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {limit} s\n{self.tail()}") from None
        self.process.stdout.close()
        self.process = None
        return code

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait(10)

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.wait(12)
        assert code == 0, f"exit code {code} after SIGTERM\n{self.tail()}"

    def restart(self, **environment):
        self.stop()
        return self.start(**environment)

    def close(self):
        """Whatever the test did, nothing of it survives."""
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(10)
            self.process.stdout.close()
            self.process = None

    def tail(self, lines=40):
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def resident(self):
        """Resident memory of the process, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def command(self, *words, stdin=b"", check=True):
        """Runs another command of the same binary on this data directory."""
        done = subprocess.run(
            [str(binary()), *map(str, words), "--data", str(self.data)],
            input=stdin, capture_output=True, timeout=60, env=clean_environment())
        if check:
            assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done


def clean_environment():
    """The environment without settings that would leak from the developer's shell into a server under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSTAND_")}


class Certificate:
    """A self-signed certificate for 127.0.0.1 and its key, made by openssl."""

    def __init__(self, folder: pathlib.Path, name="first"):
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.renew(name)

    def renew(self, name):
        fresh = [path.with_suffix(".new") for path in (self.certificate, self.key)]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(fresh[1]), "-out", str(fresh[0])],
            check=True, capture_output=True, timeout=60)
        for path, new in zip((self.certificate, self.key), fresh):
            shutil.move(new, path)

    def client_context(self):
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(["http/1.1"])
        return context
