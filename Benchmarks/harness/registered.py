"""Line i, inside the running server: 100,000 registered devices with their rows, and the loop that wakes them."""

import hashlib
import http.server
import os
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import processes
from .nightstand import Nightstand
from .processes import BenchmarkError

DEVICES, PER_PERSON = 100_000, 10
HOUR, DAY = 3_600_000, 86_400_000
# Seconds that are measured, behind those in which the start comes to rest.
STEADY, REST = 75, 240
SERVICES = 4
# Any point of the curve will do: nobody reads the messages here. It is the base point.
POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def token(number):
    return f"benchmark-session-of-device-{number}"


class PushServices:
    """Take every message. Every second one is answered: its device checks in."""

    def __init__(self):
        self.pushes, self.answers, self.failures = 0, 0, []
        self.server_port, self.lock, self.answering = None, threading.Lock(), ThreadPoolExecutor(4)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()
                outer.pushed(int(self.path.rsplit("/", 1)[1]))

            def log_message(self, *_):
                pass

        self.servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(SERVICES)]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def pushed(self, device):
        with self.lock:
            self.pushes += 1
            is_answered = self.pushes % 2 == 0
        if is_answered:
            self.answering.submit(self.answer, device)

    def answer(self, device):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server_port}/api/backup/devices/me/check-in", data=b'{"remaining": 0}',
            headers={"Authorization": f"Bearer {token(device)}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30):
                self.answers += 1
        except (OSError, urllib.error.HTTPError) as error:
            self.failures.append(str(error))

    @property
    def places(self):
        return [f"127.0.0.1:{server.server_port}" for server in self.servers]

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.answering.shutdown()


def fill(data, places):
    """Rows as a month of use leaves them: half of the devices come once a day at an hour of their own, and are woken when they
    do not (0.6 of them a second, by then); the others have been silent for long, and are asked every third day. Few are overdue
    (one in seventy): what a start has to catch up with is not what is measured."""
    chance = random.Random(20260101)
    now = int(time.time() * 1000)
    catalog = sqlite3.connect(data / "nightstand.sqlite", isolation_level=None)
    catalog.execute("BEGIN")
    catalog.execute("UPDATE tickle_pause SET stopped_at = ?", (now,))
    identifiers = iter(lambda: os.urandom(6) + b"\x40" + os.urandom(1) + b"\x80" + os.urandom(7), None)
    people = range(1000, 1000 + DEVICES // PER_PERSON)
    catalog.executemany(
        "INSERT INTO user (number, id, email, name, folder, avatar_color, password_hash, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, ?3, ?3, 'blue', 'none', ?4, ?4)",
        ((number, next(identifiers), f"person{number}@example.com", now) for number in people))
    devices, pushes, memories, sessions = [], [], [], []
    for index in range(DEVICES):
        number, is_daily = 10_000 + index, index % 2 == 0
        age = chance.randrange(49 * HOUR // 2) if is_daily else 5 * DAY + chance.randrange(40 * DAY)
        last = now - age
        os_name = ("Android", "iOS")[index // 2 % 2]
        devices.append((number, next(identifiers), people[index // PER_PERSON], os_name, now - 200 * DAY, last, last, now))
        pushes.append((number, f"http://{places[index % len(places)]}/push/{number}", POINT, os.urandom(16), now - age))
        asked = None if is_daily else now - chance.randrange(61 * HOUR)
        memories.append((number, 27, 14, 3, 1, 0 if is_daily else 6, 0 if is_daily else 5, asked, bytes(rhythm(last))))
        sessions.append((next(identifiers), people[index // PER_PERSON], hashlib.sha256(token(number).encode()).digest(), now, number))
    catalog.executemany(
        "INSERT INTO device (number, id, user, kind, os, first_contact, last_contact, last_upload, stored, level, reason, state_since)"
        " VALUES (?, ?, ?, 'phone', ?, ?, ?, ?, 100, NULL, NULL, ?)", devices)
    catalog.execute(
        "WITH RECURSIVE back (days) AS (SELECT 0 UNION ALL SELECT days + 1 FROM back WHERE days < 29)"
        f" INSERT INTO device_day (device, day, hours, stored)"
        f" SELECT number, last_contact / {DAY} - days, 1 << (last_contact / {HOUR} % 24), 3 FROM device, back ORDER BY 1, 2")
    catalog.executemany(
        "INSERT INTO push (device, kind, endpoint, key, secret, state, registered_at, refreshed_at, confirmed_at)"
        " VALUES (?1, 'webpush', ?2, ?3, ?4, 'active', ?5, ?5, ?5)", pushes)
    catalog.executemany(
        "INSERT INTO tickle_device (device, sent, sent_contacts, held, held_contacts, cadence, unjudged, rung, unanswered,"
        " short_runs, nudged, last_tickle, rhythm) VALUES (?, ?, ?, ?, ?, 1, 0, ?, ?, 0, 1, ?, ?)", memories)
    catalog.executemany(
        "INSERT INTO session (id, user, token_hash, device_type, device_system, created_at, updated_at, device)"
        " VALUES (?1, ?2, ?3, 'Android', 'Pixel 8', ?4, ?4, ?5)", sessions)
    catalog.execute("COMMIT")
    catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    catalog.close()


def rhythm(last):
    """As `Rhythm.bytes` writes it: eight gaps of a day, and thirty visits at one hour."""
    hours = [0] * 168
    for back in range(28):
        hours[(last // HOUR - 24 * back) % 168] += 8
    return [value for _ in range(8) for value in (1440 >> 8, 1440 & 255)] + [8, 0] + hours


@dataclass
class Result:
    ready: float  # seconds from the start to the first answer
    start: float  # seconds of processor time until all of them are known
    memory: float  # MB that they add, and at the highest
    peak: float
    core: float  # share of a core in steady state
    pushes: float  # a second, and check-ins that follow them
    answers: float


def rest(server):
    """Until everybody is known, and what was due at the start has been sent. - Returns: processor seconds until then."""
    limit, last = time.monotonic() + REST, cpu(server)
    while time.monotonic() < limit:
        time.sleep(5)
        spent = cpu(server)
        if spent - last < 0.15:
            return spent
        last = spent
    raise BenchmarkError(f"the server did not come to rest within {REST} s: {processes.last_words(server.log)}")


def cpu(server):
    """Seconds of processor time so far."""
    with open(f"/proc/{server.child.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def measure(work):
    services = PushServices()
    try:
        with Nightstand(work) as server:
            server.wait_until_idle()
            without = server.memory()
            data = server.data
            processes.stop(server.child)
            fill(data, services.places)
            server.options = ["--push-allow-hosts", ",".join(services.places)]
            begun = time.monotonic()
            server.serve()
            ready = time.monotonic() - begun
            services.server_port = server.port
            start = rest(server)
            pushes, answers, begun = services.pushes, services.answers, time.monotonic()
            time.sleep(STEADY)
            seconds, spent = time.monotonic() - begun, cpu(server) - start
            pushes, answers = services.pushes - pushes, services.answers - answers
            if services.failures:
                raise BenchmarkError(f"check-ins were refused: {services.failures[:3]}")
            # A fifth of what is due by the rows: a tenth is held back, and chance has its part.
            if pushes < STEADY // 5 or not answers:
                raise BenchmarkError(f"{pushes} tickles in {STEADY} s: the loop did not run, {processes.last_words(server.log)}")
            return Result(ready, start, server.memory() - without, server.memory("VmHWM") - without, spent / seconds,
                          pushes / seconds, answers / seconds)
    finally:
        services.close()
