"""The server under test, by the command line that an operator has."""

import json
import sqlite3
import time
import urllib.request

from . import processes
from .peers import HERE, Peer
from .processes import BenchmarkError

PROGRAM = HERE.parent / ".build/release/nightstand"
EMAIL = "owner@example.com"


class Nightstand(Peer):
    name = "Nightstand"
    ping = "/api/server/ping"
    upload_mode = "immich"

    def __init__(self, work, data=None, options=()):
        super().__init__(work)
        self.data = self.files = data or self.home / "data"
        self.kept = data is not None  # a data directory that several measurements share
        self.options = options
        self.key = ""

    def launch(self):
        if not self.kept:
            self.key = create_account(self.data, self.home)
        self.serve()

    def serve(self):
        self.child = processes.start(
            [PROGRAM, "serve", "--data", self.data, "--port", 0, *self.options], self.log, stdout=-1)
        line = processes.wait_for_line(self.child)
        if not line.startswith("nightstand ready http://"):
            raise BenchmarkError(f"unexpected first line of the server: {line!r}")
        self.port = int(line.rsplit(":", 1)[1].rstrip("/"))

    def credentials(self):
        return [self.key]

    def request(self, path, body=None):
        """One request with the API key; the decoded JSON answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body,
            headers={"x-api-key": self.key, "content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def warm_up(self):
        """Facts and pictures are made behind an upload, by tools whose first start would fall into what is measured next."""
        super().warm_up()
        limit = time.monotonic() + 30
        catalog = sqlite3.connect(f"file:{self.data}/nightstand.sqlite?mode=ro", uri=True)
        while catalog.execute("SELECT count(*) FROM job WHERE state IN ('waiting', 'running')").fetchone()[0]:
            if time.monotonic() > limit:
                raise BenchmarkError("the first picture's work does not end")
            time.sleep(0.05)
        catalog.close()
        self.wait_until_idle()

    def memory(self, field="VmRSS"):
        """Resident MB (1,000,000 bytes); VmHWM is the highest since the start."""
        with open(f"/proc/{self.child.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024 / 1e6
        raise BenchmarkError(f"no {field} of the server")

    def wait_until_idle(self, seconds=30):
        """Until the server has spent no processor time for half a second."""
        limit, last, since = time.monotonic() + seconds, None, time.monotonic()
        while time.monotonic() < limit:
            with open(f"/proc/{self.child.pid}/stat") as stat:
                ticks = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
            if ticks != last:
                last, since = ticks, time.monotonic()
            elif time.monotonic() - since >= 0.5:
                return
            time.sleep(0.05)


def create_account(data, home):
    """Makes a data directory with one administrator; returns a new API key."""
    home.mkdir(parents=True, exist_ok=True)
    password = home / "password"
    password.write_text("a long password for one benchmark\n")
    processes.run([PROGRAM, "user", "add", EMAIL, "--admin", "--password-file", password, "--data", data])
    answer = processes.run([PROGRAM, "key", "create", EMAIL, "--name", "benchmark", "--data", data])
    words = [word for line in answer.splitlines() for word in line.split() if len(word) >= 32]
    if not words:
        raise BenchmarkError("`nightstand key create` printed no key")
    return words[-1]
