"""A power cut that is not one: a copy of the data directory holds no byte and no name that was not synced before.

What SQLite wrote into its files without syncing stays in the copy, as it may after a real cut; what lies behind the last
synced end is gone. Names of files count only as their folder was last synced.
"""

import pathlib
import shutil
import subprocess

SHIM = pathlib.Path(__file__).with_name("syncs.c")


COMPILER = shutil.which("gcc") or shutil.which("clang")


def shim(folder: pathlib.Path) -> pathlib.Path:
    """Builds the library that records syncs."""
    library = folder / "syncs.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SHIM, "-ldl"], check=True, timeout=60)
    return library


def settled(folder: pathlib.Path, log: pathlib.Path):
    """All that lies in `folder` already counts as synced."""
    with log.open("a") as out:
        for place in [folder, *folder.rglob("*")]:
            status = place.stat()
            if place.is_dir():
                print("D", status.st_ino, *(entry.stat().st_ino for entry in place.iterdir()), file=out)
            else:
                print("S", status.st_ino, status.st_size, file=out)


class Syncs:
    """What was recorded: bytes on disk per file, entries on disk per folder, former names."""

    def __init__(self, log: pathlib.Path):
        self.sizes: dict[int, int] = {}
        self.entries: dict[int, set[int]] = {}
        self.former: dict[int, str] = {}
        for line in log.read_text(errors="surrogateescape").splitlines():
            kind, inode, *rest = line.split(" ", 2)
            if kind == "S":
                self.sizes[int(inode)] = int(rest[0])
            elif kind == "D":
                self.entries[int(inode)] = {int(word) for word in rest[0].split()} if rest else set()
            elif kind == "M":
                self.former[int(inode)] = rest[0]
            else:
                self.sizes.pop(int(inode), None)
                self.former.pop(int(inode), None)
                for held in self.entries.values():
                    held.discard(int(inode))


def cut(data: pathlib.Path, syncs: Syncs, copy: pathlib.Path):
    """Makes `copy` what a power cut would have left of the (dead) server's `data`. Returns how many bytes and names went."""
    lost_bytes = lost_names = 0
    moves = []
    shutil.copytree(data, copy, symlinks=True)
    for path in data.rglob("*"):
        if path.is_dir() or path.is_symlink():
            continue
        status, place = path.stat(), copy / path.relative_to(data)
        is_media = path.relative_to(data).parts[0] in ("staging", "originals")
        if path.name.endswith("-shm"):
            place.unlink()  # the index of the catalog's log: memory, never synced
            continue
        # Files outside these folders that were never synced (a lock) hold nothing that a start needs.
        synced = syncs.sizes.get(status.st_ino, 0 if is_media else status.st_size)
        if status.st_size > synced:
            lost_bytes += status.st_size - synced
            with place.open("r+b") as file:
                file.truncate(synced)
        if is_media and status.st_ino not in syncs.entries.get(path.parent.stat().st_ino, set()):
            lost_names += 1
            former = pathlib.Path(syncs.former.get(status.st_ino, "/"))
            if former.is_relative_to(data):
                moves.append((place, copy / former.relative_to(data)))
            else:
                place.unlink()
    for place, former in moves:
        place.rename(former)
    return lost_bytes, lost_names
