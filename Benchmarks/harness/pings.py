"""Line d: the smallest request."""

import re
from contextlib import ExitStack

from . import processes
from .nightstand import Nightstand
from .peers import Hummingbird, Nginx
from .processes import BenchmarkError
from .rows import interleave, per_second, ratio_row

SECONDS = 4


def small_requests(work, repeats):
    with ExitStack() as stack:
        peers = [stack.enter_context(peer(work)) for peer in (Nightstand, Nginx, Hummingbird)]

        def load(peer):
            def measure():
                said = processes.run(
                    ["wrk", "-t2", "-c64", f"-d{SECONDS}s", f"http://127.0.0.1:{peer.port}{peer.ping}"])
                if "Non-2xx" in said or "Socket errors" in said:
                    raise BenchmarkError(f"{peer.name} did not answer all requests with 200:\n{said}")
                return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
            return measure

        medians = interleave(repeats, {peer.name: load(peer) for peer in peers})
    return [
        ratio_row("d", "GET /api/server/ping, 64 connections", per_second, medians[Nightstand.name], peer.name,
                  medians[peer.name], least, higher_is_better=True)
        for peer, least in ((Hummingbird, 1.4), (Nginx, 0.6))]
