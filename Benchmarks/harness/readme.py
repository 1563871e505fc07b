"""Writes the table between the markers of README.md, and prints it."""

import os
import platform
import subprocess
from datetime import date

BEGIN, END = "<!-- table: written by Benchmarks/run -->", "<!-- end of table -->"
HEAD = ["line", "what", "Nightstand", "against", "required", "seen", "met"]


def render(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return "\n".join(lines + ["| " + " | ".join(row.cells()) + " |" for row in rows])


def machine(work):
    """The class of machine, not which one."""
    with open("/proc/cpuinfo") as file:
        flags = next((line for line in file if line.startswith("flags")), "").split()
    with open("/proc/meminfo") as file:
        memory = round(int(file.readline().split()[1]) / 1e6)
    filesystem = subprocess.run(["stat", "-f", "-c", "%T", str(work)], capture_output=True, text=True).stdout.strip()
    sha = "with" if "sha_ni" in flags else "without"
    return (f"Measured {date.today():%Y-%m-%d}: {os.cpu_count()} {platform.machine()} cores {sha} SHA instructions, "
            f"{memory} GB of memory, {filesystem}, Linux {'.'.join(platform.release().split('.')[:2])}; "
            "load client and server share the cores.")


def write(file, rows, measured, machine):
    """Replaces the rows of the measured lines; those of other lines stay as they were."""
    before, rest = file.read_text().split(BEGIN)
    old, after = rest.split(END)
    kept = [line for line in old.splitlines() if line.startswith("| ") and line[2:3] not in measured
            and not line.startswith("| line ")]
    fresh = ["| " + " | ".join(row.cells()) + " |" for row in rows]
    if kept:  # the day is that of the measured lines alone
        machine = machine.replace(":", f" (line {', '.join(sorted(measured))}; the others earlier):", 1)
    table = render([]) + "\n" + "\n".join(sorted(kept + fresh, key=lambda line: line[2:3]))
    file.write_text(f"{before}{BEGIN}\n{machine}\n\n{table}\n{END}{after}")
