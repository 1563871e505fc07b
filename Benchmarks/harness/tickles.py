"""Line i: the tickle scheduler alone: a year of 10,000 devices, and what 100,000 of them cost."""

import json
import subprocess

from . import processes
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
    return [
        bound_row("i", "a simulated year of 10,000 devices, every tickle checked", year["seconds"],
                  f"{year['seconds']:.0f} s", 120, "≤ 120 s", at_least=False),
        bound_row("i", "lift as measured, from what it is in the simulation", abs(year["lift"] - year["truth"]),
                  f"{abs(year['lift'] - year['truth']) * 100:.2f} points", 0.02, "≤ 2 points", at_least=False),
        bound_row("i", "memory of 100,000 registered devices", scale["megabytes"], f"{scale['megabytes']:.0f} MB", 100,
                  "≤ 100 MB", at_least=False),
        bound_row("i", "a core's share for a day of theirs", share, f"{share:.4f} %", 1, "≤ 1 %", at_least=False),
    ]
