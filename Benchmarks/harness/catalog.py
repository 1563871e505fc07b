"""A data directory whose catalog knows 1,000,000 assets, and digests to ask it for. Only lines c, f and h need it."""

import os
import random
import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from .nightstand import EMAIL, Nightstand, create_account
from .peers import HERE
from .processes import BenchmarkError

ASSETS = 1_000_000
PER_REQUEST, REQUESTS = 5_000, 40
YEAR = 365 * 86_400_000
# Milliseconds from one photo to the one before it: a million of them fill 19 years, some 4,400 a month.
APART = 600_000
CHECK = HERE.parent / "Sources/Store/Assets/AssetCheck.swift"


def server_lookup():
    """The statement by which the server itself looks a digest up: the limit asks the same."""
    found = re.findall(r'"(SELECT [^"]* owner = \?1 AND sha1 = \?2)"', CHECK.read_text())
    if len(found) != 1:
        raise BenchmarkError(f"{len(found)} look-up statements in {CHECK.name}, one expected")
    return found[0]


@dataclass
class LargeCatalog:
    data: Path
    key: str
    owner: int
    # Per request: (digest, id of the asset or None) of each entry, half of them present.
    requests: list


def make_large_catalog(work):
    """Creates the directory with the real program, then writes the rows with SQL: uploads would take half an hour."""
    home = work / "large"
    shutil.rmtree(home, ignore_errors=True)
    data = home / "data"
    key = create_account(data, home)
    with Nightstand(work, data) as server:  # the newest asset is a real one: a start looks for the newest files
        server.key = key
        server.upload(1, 70_000, 1, "jpg")
    chance = random.Random(20260101)
    catalog = sqlite3.connect(data / "nightstand.sqlite", isolation_level=None)
    catalog.execute("PRAGMA cache_size = -400000")
    owner, newest = catalog.execute(
        "SELECT user.number, max(asset.created_at) FROM user JOIN asset ON asset.owner = user.number WHERE email = ?",
        (EMAIL,)).fetchone()
    present = []

    def rows():
        for number in range(ASSETS - 1):
            identifier = bytearray(os.urandom(16))
            identifier[6] = identifier[6] & 0x0F | 0x40  # UUID version 4
            identifier[8] = identifier[8] & 0x3F | 0x80
            digest, taken = os.urandom(20), newest - YEAR - number * APART
            if number % 5 == 0:
                present.append((digest, bytes(identifier)))
            yield (bytes(identifier), owner, digest, 3_000_000,
                   f"owner/20{number % 25:02}/20{number % 25:02}-{number % 12 + 1:02}/IMG_{number:07}.jpg",
                   chance.getrandbits(64) - (1 << 63), f"IMG_{number:07}.jpg".encode(),
                   taken, taken, taken, taken, taken, f"img_{number:07}.jpg")

    catalog.execute("BEGIN")
    catalog.executemany(
        """
        INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name,
          file_created_at, file_modified_at, local_date_time, created_at, updated_at, search_name, is_favorite, visibility)
        VALUES (?, ?, ?, 'IMAGE', 'image/jpeg', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'timeline')
        """, rows())
    catalog.execute(
        """
        UPDATE facts SET width = 4032, height = 3024, orientation = '6', time_zone = 'UTC+2', make = 'Apple',
          model = 'iPhone ' || (asset % 9 + 8), lens = 'back camera', f_number = 1.8, focal_length = 5.7, iso = 64,
          exposure_time = '1/250', latitude = 47.6, longitude = 9.4, thumbhash = randomblob(25)
        """)
    # There are no files behind these rows: nothing is to be read from them.
    catalog.execute("DELETE FROM job")
    catalog.execute("UPDATE user SET used = (SELECT sum(size) FROM asset WHERE owner = user.number)")
    catalog.execute("COMMIT")
    catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    catalog.close()

    entries = chance.sample(present, PER_REQUEST * REQUESTS // 2)
    entries += [(os.urandom(20), None) for _ in range(PER_REQUEST * REQUESTS // 2)]
    chance.shuffle(entries)
    requests = [entries[start:start + PER_REQUEST] for start in range(0, len(entries), PER_REQUEST)]
    return LargeCatalog(data, key, owner, requests)
