"""Line i: the tickle scheduler alone: a year of 10,000 devices, and what 100,000 of them cost; and what they cost the running server."""

import json
import subprocess

from . import processes, registered
from .nightstand import PROGRAM
from .processes import BenchmarkError
from .rows import bound_row

REPOSITORY = PROGRAM.parents[2]


def tickles(work, repeats):
    """Builds the simulation beside the server (once) and runs it; every tickle of the year is checked there."""
    build = REPOSITORY / ".build" / "tickle-year"
    subprocess.run(["swift", "build", "-c", "release", "--product", "tickle-year", "--scratch-path", build],
                   cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    ran = subprocess.run([build / "release" / "tickle-year"], capture_output=True, text=True,
                         preexec_fn=processes.in_child)
    if ran.returncode:
        raise BenchmarkError(f"the simulated year broke a rule: {ran.stdout}{ran.stderr}")
    year, scale = (json.loads(line) for line in ran.stdout.splitlines())
    share = scale["core"] * 100
    running = registered.measure(work)
    print(f"  {running}", flush=True)
    return [
        bound_row("i", "a simulated year of 10,000 devices, every tickle checked", year["seconds"],
                  f"{year['seconds']:.0f} s", 120, "≤ 120 s", at_least=False),
        bound_row("i", "lift as measured, from what it is in the simulation", abs(year["lift"] - year["truth"]),
                  f"{abs(year['lift'] - year['truth']) * 100:.2f} points", 0.02, "≤ 2 points", at_least=False),
        bound_row("i", "memory of 100,000 registered devices, the scheduler alone", scale["megabytes"], f"{scale['megabytes']:.0f} MB", 100,
                  "≤ 100 MB", at_least=False),
        bound_row("i", "a core's share for a day of theirs, the scheduler alone", share, f"{share:.4f} %", 1, "≤ 1 %",
                  at_least=False),
        bound_row("i", "100,000 registered devices in the running server: memory that they add", running.memory,
                  f"{running.memory:.0f} MB", 100, "≤ 100 MB", at_least=False),
        bound_row("i", "the same at its highest, while they are read", running.peak, f"{running.peak:.0f} MB", 100,
                  "≤ 100 MB", at_least=False),
        bound_row("i", f"the same, a core's share in steady state ({running.pushes:.1f} tickles and {running.answers:.1f} check-ins a second)",
                  running.core * 100, f"{running.core * 100:.2f} %", 1, "≤ 1 %", at_least=False),
        bound_row("i", "the same, from start to ready", running.ready, f"{running.ready:.1f} s", 5, "≤ 5 s", at_least=False),
    ]
