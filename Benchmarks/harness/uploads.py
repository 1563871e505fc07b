"""Lines a and b: one large upload, many photos."""

import json
import shutil

from . import processes
from .nightstand import Nightstand
from .peers import TOOLS, Copyparty, Hummingbird, Nginx, NginxTuned, ReceiveHash, ReceiveHashStore, ReceiveStore
from .rows import files_per_second, interleave, ratio_row, seconds

MOVIE = 1 << 30
PHOTOS, PHOTO, CONNECTIONS = 2000, 3_000_000, 8


def once(make, work, *upload):
    def measure():
        with make(work) as peer:
            peer.warm_up()
            return peer.upload(*upload)
    return measure


def one_large(work, repeats):
    """a: 1 GiB in one upload."""
    peers = [Nightstand, Nginx, NginxTuned, Copyparty, Hummingbird, ReceiveHash, ReceiveHashStore]
    medians = interleave(repeats, {peer.name: once(peer, work, 1, MOVIE, 1, "mov") for peer in peers})
    required = {Nginx: 1.2, NginxTuned: None, Copyparty: 2, Hummingbird: 3, ReceiveHash: None, ReceiveHashStore: 0.8}
    return [
        ratio_row("a", "1 GiB in one upload", seconds, medians[Nightstand.name], peer.name, medians[peer.name], least,
                  higher_is_better=False, limit=medians[ReceiveHashStore.name] if peer is not ReceiveHashStore else None)
        for peer, least in required.items()]


def many_photos(work, repeats):
    """b: 2,000 photos over 8 connections."""
    peers = [Nightstand, Nginx, NginxTuned, Copyparty, Hummingbird, ReceiveStore]
    upload = (PHOTOS, PHOTO, CONNECTIONS, "jpg")
    measurements = {peer.name: once(peer, work, *upload) for peer in peers}
    limits = {"write + fsync + rename": "buffered", "the same, direct I/O": "direct"}
    for name, mode in limits.items():
        measurements[name] = lambda mode=mode: durable_write(work, mode)
    rates = {name: PHOTOS / spent for name, spent in interleave(repeats, measurements).items()}
    required = {Nginx.name: 0.6, NginxTuned.name: None, Copyparty.name: 2, Hummingbird.name: 2, ReceiveStore.name: 0.7}
    # The limit is the faster of the two ways to write on this machine.
    best = max(limits, key=rates.get)
    required |= {name: 0.6 if name == best else None for name in limits}
    return [
        ratio_row("b", "2,000 photos of 3 MB, 8 connections", files_per_second, rates[Nightstand.name], name,
                  rates[name], least, higher_is_better=True,
                  limit=rates[ReceiveStore.name] if name != ReceiveStore.name else None)
        for name, least in required.items()]


def durable_write(work, mode):
    folder = work / "bare"
    folder.mkdir()
    try:
        answer = processes.run([TOOLS / "durable_write", folder, PHOTOS, PHOTO, CONNECTIONS, mode])
    finally:
        shutil.rmtree(folder)
        processes.run(["sync"])
    return json.loads(answer)["seconds"]
