"""Lines c and f: what a catalog of 1,000,000 assets costs."""

import json
import time
import uuid

from . import processes
from .catalog import PER_REQUEST, server_lookup
from .nightstand import Nightstand
from .peers import TOOLS
from .processes import BenchmarkError
from .rows import bound_row, interleave, per_second, ratio_row, seconds

ROUNDS = 4  # over all prepared requests, per measurement
MMAP = 1 << 30


def entry_name(number):
    return f"/home/owner/Pictures/2025/holiday/IMG_{number:07}.JPG"


def check_request(entries):
    return json.dumps({"assets": [
        {"id": entry_name(number), "checksum": digest.hex()} for number, (digest, _) in enumerate(entries)]}).encode()


def verify(server, entries, body):
    """Every single answer of one request, before any time is taken."""
    results = server.request("/api/assets/bulk-upload-check", body)["results"]
    if len(results) != len(entries):
        raise BenchmarkError(f"{len(results)} answers for {len(entries)} checks")
    for number, ((_, identifier), result) in enumerate(zip(entries, results)):
        right = result["id"] == entry_name(number) and (
            result["action"] == "accept" if identifier is None else
            result["action"] == "reject" and result["assetId"] == str(uuid.UUID(bytes=identifier)))
        if not right:
            raise BenchmarkError(f"wrong answer to check {number}: {result}")


def asset_check(work, repeats, catalog):
    """c: 5,000 checks a request; the limit asks SQLite for the same digests in the same file."""
    folder = work / "checks"
    folder.mkdir()
    digests, bodies = folder / "digests", []
    digests.write_bytes(b"".join(digest for entries in catalog.requests for digest, _ in entries))
    for number, entries in enumerate(catalog.requests):
        bodies.append(folder / f"{number}.json")
        bodies[-1].write_bytes(check_request(entries))
    requests, statement = len(bodies) * ROUNDS, server_lookup()
    with Nightstand(work, catalog.data) as server:
        server.key = catalog.key
        verify(server, catalog.requests[0], bodies[0].read_bytes())

        def through_server(connections):
            def measure():
                result = json.loads(processes.run(
                    [TOOLS / "check", server.port, catalog.key, requests, connections, *bodies]))
                if result["done"] != requests:
                    raise BenchmarkError(f"{result['failed']} of {requests} check requests failed")
                return requests * PER_REQUEST / result["seconds"]
            return measure

        def lookups(mmap):
            def measure():
                result = json.loads(processes.run(
                    [TOOLS / "lookups", catalog.data / "nightstand.sqlite", statement, f"int:{catalog.owner}", digests,
                     PER_REQUEST, mmap]))
                if result["found"] * 2 != result["done"]:
                    raise BenchmarkError(f"the limit found {result['found']} of {result['done']} digests")
                return result["done"] / result["seconds"]
            return measure

        through_server(1)()  # warms the page cache for all
        one, four, mapped, plain = (
            "Nightstand, 1 connection", "Nightstand, 4 connections", "SQLite alone, mapped", "SQLite alone, unmapped")
        medians = interleave(repeats, {
            one: through_server(1), mapped: lookups(MMAP), plain: lookups(0), four: through_server(4)})
    what = "5,000 checks a request, 1,000,000 assets"
    return [
        bound_row("c", what, medians[one], per_second(medians[one]), 600_000, "≥ 600,000/s", at_least=True,
                  limit=medians[mapped], limit_text=per_second(medians[mapped])),
        ratio_row("c", what, per_second, medians[one], mapped, medians[mapped], 0.6, higher_is_better=True),
        ratio_row("c", what, per_second, medians[one], plain, medians[plain], None, higher_is_better=True),
        ratio_row("c", "the same over 4 connections", per_second, medians[four], mapped, medians[mapped], None,
                  higher_is_better=True),
    ]


def first_answer(work, repeats, catalog):
    """f: from the start of the process to the first 200."""
    def measure():
        server = Nightstand(work, catalog.data)
        server.home.mkdir(exist_ok=True)
        begin = time.monotonic()
        try:
            server.launch()
            server.request(server.ping)
            return time.monotonic() - begin
        finally:
            server.end()
    spent = interleave(repeats, {"Nightstand": measure})["Nightstand"]
    return [bound_row("f", "start to first answer, 1,000,000 assets", spent, seconds(spent), 0.2, "≤ 0.2 s",
                      at_least=False)]
