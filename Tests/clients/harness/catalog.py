"""Looks behind the server's back: rows against files, files against rows, digests against bytes."""

import contextlib
import hashlib
import os
import pathlib
import sqlite3
import stat
import subprocess

LISTS = "SHA1SUMS"
MARKER = ".nightstand"


@contextlib.contextmanager
def opened(data: pathlib.Path, *, write=False):
    """The catalog, read-only unless said otherwise; safe beside a running server (WAL)."""
    mode = "rw" if write else "ro"
    connection = sqlite3.connect(f"file:{data / 'nightstand.sqlite'}?mode={mode}", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    connection.text_factory = bytes
    try:
        yield connection
        if write:
            connection.commit()
    finally:
        connection.close()


def rows(data: pathlib.Path):
    """Every asset: id, key (its file's path below originals/), name (bytes), checksum (20 bytes), size."""
    with opened(data) as catalog:
        found = catalog.execute(
            "SELECT id, original_key AS key, original_name AS name, sha1 AS checksum, size FROM asset").fetchall()
    return [dict(row) for row in found]


def sidecars(data: pathlib.Path):
    """The keys of all sidecars that belong to a row."""
    with opened(data) as catalog:
        return {row["sidecar_key"] for row in catalog.execute(
            "SELECT sidecar_key FROM asset WHERE sidecar_key IS NOT NULL")}


def intents(data: pathlib.Path):
    """Moves that were announced and not yet recorded: none while nothing is under way."""
    with opened(data) as catalog:
        return catalog.execute("SELECT original_key FROM intent").fetchall()


def originals(data: pathlib.Path):
    """Every file below originals/ that is a photo, a video or a sidecar: path relative to originals/, as bytes."""
    return set(_files(data))


def _files(data: pathlib.Path):
    """Path relative to originals/, as bytes, to its status."""
    root, found = os.fsencode(data / "originals"), {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name not in (LISTS.encode(), MARKER.encode()):
                path = os.path.join(folder, name)
                found[os.path.relpath(folder, root) + b"/" + name] = os.lstat(path)
    return found


def staged(data: pathlib.Path):
    """What lies in staging/."""
    root = data / "staging"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def open_uploads(data: pathlib.Path):
    """Uploads that wait for more: the name of their file in staging/ (None: it has none), and the offset that was promised."""
    with opened(data) as catalog:
        return [(row["staged"] and row["staged"].decode(), row["offset"]) for row in catalog.execute(
            "SELECT staged, offset FROM upload WHERE state = 'open'")]


def inspect(data: pathlib.Path, *, digests=True, resting=True, read=None):
    """Asserts that catalog and disk agree. `digests` reads every original; `resting`: no upload runs just now, though some
    may be open and wait for more; then what was promised to them is on disk, and nothing else lies in staging/.
    `read` is a dictionary that remembers which originals earlier inspections read: what did not change since (nor its row)
    is not read again.

    - Returns: the assets' rows.
    """
    found = rows(data)
    expected = set()
    root = data / "originals"
    files = _files(data)
    for row in found:
        assert ".." not in row["key"].decode().split("/"), row
        assert row["key"] in files, f"a row without its file: {row}"
        status = files[row["key"]]
        assert stat.S_ISREG(status.st_mode) and status.st_size == row["size"], row
        # Whatever wrote to the file, or put another in its place, changed one of these.
        seen = (row["checksum"], status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if digests and (read is None or read.get(row["key"]) != seen):
            path = root / row["key"].decode()
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).digest()
            assert actual == row["checksum"], f"{path} is not what the catalog says: {actual.hex()}"
            if read is not None:
                read[row["key"]] = seen
        expected.add(row["key"])
    expected |= sidecars(data)
    assert len(expected) >= len(found), "two rows share a file"
    if resting:
        assert set(files) == expected, (
            f"files without rows: {sorted(set(files) - expected)}; rows without files: {sorted(expected - set(files))}")
        staging_holds_what_was_promised(data)
        assert intents(data) == [], "a move was announced and neither carried out nor undone"
        with opened(data) as catalog:
            wrong = catalog.execute(
                "SELECT email, used, (SELECT coalesce(sum(size + sidecar_size), 0) FROM asset WHERE owner = user.number) AS real"
                " FROM user WHERE used != real").fetchall()
        assert not wrong, f"the space that people use is miscounted: {[tuple(row) for row in wrong]}"
    return found


def staging_holds_what_was_promised(data: pathlib.Path):
    """The bytes of open uploads, all that were acknowledged, and nothing else."""
    waiting, there = {name: offset for name, offset in open_uploads(data) if name is not None}, set(staged(data))
    # `.claimed` marks a part whose checksum was not yet compared when the server died.
    strangers = there - set(waiting) - {f"{name}.claimed" for name in waiting}
    assert not strangers, f"staging holds something else than the open uploads' bytes: {strangers}"
    for name, offset in waiting.items():
        # The row comes first: a file of which nothing was promised may not be there yet.
        size = (data / "staging" / name).stat().st_size if name in there else 0
        assert size >= offset, f"{offset} bytes of {name} were promised, {size} are there"


def integrity(data: pathlib.Path):
    with opened(data) as catalog:
        assert catalog.execute("PRAGMA integrity_check").fetchone()[0] == b"ok"
        assert catalog.execute("PRAGMA foreign_key_check").fetchall() == []


def sums_hold(data: pathlib.Path):
    """`sha1sum -c SHA1SUMS` passes in every folder that holds originals, and every original is listed."""
    root = data / "originals"
    folders = {(root / name.decode(errors="surrogateescape")).parent for name in originals(data)}
    for folder in folders:
        done = subprocess.run(
            ["sha1sum", "--check", "--strict", LISTS], cwd=folder, capture_output=True, timeout=60)
        assert done.returncode == 0, (folder, done.stdout, done.stderr)
        checked = done.stdout.count(b": OK\n")
        photos = [row for row in rows(data) if (root / row["key"].decode()).parent == folder]
        assert checked >= len(photos), f"{folder}: {checked} sums for {len(photos)} originals"
    return len(folders)
