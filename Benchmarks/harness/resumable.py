"""Line g: what it costs that an upload can be resumed."""

import os
import socket
import struct
import time

from .nightstand import Nightstand
from .processes import BenchmarkError
from .rows import Row, bound_row, files_per_second, interleave, seconds
from .uploads import CONNECTIONS, MOVIE, PHOTO, once

PHOTOS = 1000
CUT_FILM, CUTS = 4_000_000_000, 10


class Raw(Nightstand):
    name = "raw body"
    upload_mode = "raw"


class Draft(Nightstand):
    name = "resumable in one request"
    upload_mode = "draft"


class Tus(Nightstand):
    name = "tus, parts of 32 MiB"
    upload_mode = "tus"


# How much longer than by the multipart form each may take.
ALLOWED = {Raw: 1.10, Draft: 1.10, Tus: 1.15}


def cost_of_resuming(work, repeats):
    """g: the same server, the same bytes, by the form and by each door that can resume."""
    doors = [Nightstand, *ALLOWED]
    films = interleave(repeats, {door.name: once(door, work, 1, MOVIE, 1, "mov") for door in doors})
    photos = interleave(
        repeats, {door.name: once(door, work, PHOTOS, PHOTO, CONNECTIONS, "jpg") for door in doors[:-1]})
    rows = [cost_row("1 GiB in one upload", films, door, most, seconds) for door, most in ALLOWED.items()]
    rows += [
        cost_row(f"{PHOTOS:,} photos of 3 MB, 8 connections", photos, door, most, lambda spent: files_per_second(PHOTOS / spent))
        for door, most in ALLOWED.items() if door is not Tus]
    return [*rows, cut_ten_times(work)]


def cost_row(what, medians, door, most, unit):
    cost = medians[door.name] / medians[Nightstand.name]
    return Row("g", f"{what}: {door.name}", unit(medians[door.name]), f"multipart form: {unit(medians[Nightstand.name])}",
               f"≤ {most:.2f}× the time", f"{cost:.2f}×", cost <= most)


def cut_ten_times(work):
    """4 GB by one upload whose connection is reset ten times: how much of it goes over the wire twice."""
    with Nightstand(work) as server:
        sent = send_with_cuts(server)
        if server.stored(CUT_FILM) != 1:
            raise BenchmarkError("the film that was cut is not stored")
    twice = (sent - CUT_FILM) / CUT_FILM * 100
    print(f"  cut {CUTS} times: {twice:.3f} % sent twice", flush=True)
    return bound_row("g", f"4 GB cut {CUTS} times: sent twice", twice, f"{twice:.2f} %", 1, "< 1 %", at_least=False)


def on_the_wire(connection):
    """Bytes that the kernel has sent: what waits in its buffer when the connection is reset never went anywhere."""
    # tcp_info in linux/tcp.h: tcpi_bytes_sent, 200 bytes from its start (Linux 4.19).
    return struct.unpack_from("Q", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 200)[0]


def send_with_cuts(server):
    """Bytes that went over the wire, heads of requests included."""
    piece = os.urandom(1 << 20)
    first = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0\0\0\1mdat" + (CUT_FILM - 20).to_bytes(8, "big")
    location, stands, sent = None, 0, 0
    for cut in range(CUTS + 1):
        end = CUT_FILM * (cut + 1) // (CUTS + 1)
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            fields = f"Host: x\r\nx-api-key: {server.key}\r\nUpload-Draft-Interop-Version: 8\r\n"
            body = f"Upload-Complete: ?1\r\nContent-Length: {CUT_FILM - stands}\r\n"
            if location is None:
                connection.sendall(f"POST /api/backup/assets?filename=cut.mov HTTP/1.1\r\n{fields}{body}\r\n".encode())
                location = head(connection)[1]["location"]
            else:
                connection.sendall((f"PATCH {location} HTTP/1.1\r\n{fields}{body}Upload-Offset: {stands}\r\n"
                                    "Content-Type: application/partial-upload\r\n\r\n").encode())
            while stands < end:
                data = first[stands:] if stands < len(first) else piece[:end - stands]
                connection.sendall(data)
                stands += len(data)
            if cut == CUTS:
                status, said = final(connection)
                if status != 201:
                    raise BenchmarkError(f"the cut film was answered with {status}: {said}")
                return sent + on_the_wire(connection)
            sent += on_the_wire(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, no goodbye
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            connection.sendall(f"HEAD {location} HTTP/1.1\r\nHost: x\r\nx-api-key: {server.key}\r\n\r\n".encode())
            stands = int(head(connection)[1]["upload-offset"])
    raise AssertionError("the last part returns")


def head(connection):
    """One answer's status and fields; nothing behind the head is expected yet."""
    data = b""
    limit = time.monotonic() + 60
    while b"\r\n\r\n" not in data:
        got = connection.recv(1)  # not a byte of the next answer
        if not got or time.monotonic() > limit:
            raise BenchmarkError(f"the server hung up after {data!r}")
        data += got
    lines = data.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    return int(lines[0].split()[1]), {name.lower(): value for name, value in pairs}


def final(connection):
    while (answer := head(connection))[0] < 200:
        pass
    return answer
