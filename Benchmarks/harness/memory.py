"""Line e: resident memory of the server."""

import shutil
import subprocess
import urllib.request
from statistics import median

from . import processes
from .nightstand import Nightstand
from .peers import TOOLS
from .processes import BenchmarkError
from .rows import bound_row

IDLE_CONNECTIONS = 10_000
FILM = 5_000_000_000
FILMS = 4


def resident(work, repeats):
    if shutil.disk_usage(work).free < (FILMS + 1) * FILM:
        raise BenchmarkError(f"line e needs {(FILMS + 1) * FILM // 10**9} GB of free disk at {work}")
    idle, more = zip(*(connections(work) for _ in range(repeats)))
    uploading = films(work)
    return [
        megabytes("idle after the first answer", median(idle), 30),
        megabytes("10,000 idle keep-alive connections, added to that", median(more), 15),
        megabytes("peak during four parallel uploads of 5 GB", uploading, 80),
    ]


def megabytes(what, value, bound):
    return bound_row("e", what, value, f"{value:.1f} MB", bound, f"≤ {bound} MB", at_least=False)


def connections(work):
    """Resident MB when idle, and how much 10,000 connections add."""
    options = ["--max-connections", IDLE_CONNECTIONS + 1000, "--max-connections-per-address", 0]
    with Nightstand(work, options=options) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{server.ping}", timeout=10) as answer:
            answer.read()
        server.wait_until_idle()
        idle = server.memory()
        with open(server.log, "ab") as log:
            holder = subprocess.Popen(
                [TOOLS / "hold", str(server.port), server.ping, str(IDLE_CONNECTIONS)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=processes.in_child)
        processes.running.append(holder)
        try:
            if holder.stdout.readline() != f"held {IDLE_CONNECTIONS}\n":
                raise BenchmarkError(f"10,000 connections were not all served: {processes.last_words(server.log)}")
            server.wait_until_idle()
            held = server.memory()
            said, _ = holder.communicate("", timeout=30)
        finally:
            processes.stop(holder)
        if said.strip() != f"open {IDLE_CONNECTIONS}":
            raise BenchmarkError(f"the server closed idle connections: {said.strip()}")
    print(f"  idle {idle:.1f} MB, with {IDLE_CONNECTIONS:,} connections {held:.1f} MB", flush=True)
    return idle, held - idle


def films(work):
    """Highest resident MB since the server's start, as the kernel kept it."""
    with Nightstand(work) as server:
        spent = server.upload(FILMS, FILM, FILMS, "mov")
        peak = server.memory("VmHWM")
    print(f"  peak {peak:.1f} MB while {FILMS} uploads of 5 GB took {spent:.0f} s", flush=True)
    return peak
