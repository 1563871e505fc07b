"""Two phones and a laptop for sixty days: real logins and real uploads, and then the clock of what is recorded is set back.

The server stamps what arrives with its own clock, as it should; so the times are moved in the catalog, while it stands still."""

import datetime
import random
import sqlite3
import time

from harness import client
from pictures import DAY, landscape

DAYS = 60
HOUR = DAY // 24


class Device:
    """One device with its habit: how many photos a day, at which hour they come, and when it fell silent."""

    def __init__(self, name, person, hour, photos, silent=0, **fields):
        self.name, self.person, self.hour, self.photos, self.silent, self.fields = name, person, hour, photos, silent, fields


DEVICES = [
    Device("Anna’s Pixel", "anna", 21, (0, 1, 2, 3, 4, 6), User_Agent="immich-android/3.1.0", deviceModel="Pixel 8"),
    Device("Ben’s iPhone", "ben", 7, (0, 1, 1, 2, 3), silent=9, User_Agent="immich-ios/3.1.0", deviceModel="iPhone15,2"),
    Device("Laptop", "anna", 13, (0, 0, 0, 0, 5), User_Agent="nightstand/0.1.0 (Linux)"),
]


def fill(server, anna, email, say=lambda text: None, share=1.0):
    """Fills the server of the admin `anna`. `share` below 1 makes fewer photos. Returns when the server runs again."""
    chance = random.Random(60)
    anna.post("/api/admin/users", {"email": "ben@example.org", "name": "Ben", "password": client.PASSWORD, "quotaSizeInBytes": 50_000_000_000})
    emails = {"anna": email, "ben": "ben@example.org"}
    now = int(time.time() * 1000) // HOUR * HOUR
    logins = {device.name: login(server, emails[device.person], device, anna) for device in DEVICES}
    number, hills = 0, []
    for day in range(DAYS, -1, -1):
        if day % 10 == 0:
            say(f"{DAYS - day} of {DAYS} days, {number} photos")
        for device in DEVICES:
            count = 0 if day < device.silent or chance.random() > share else chance.choice(device.photos)
            if day == device.silent:
                count = 4 if device.name == "Anna’s Pixel" else 1
            for _ in range(count):
                taken = now - day * DAY - chance.randrange(1, 10) * HOUR
                when = datetime.datetime.fromtimestamp(taken / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                number += 1
                photo = logins[device.name].store(landscape(number), f"IMG_{number:04}.jpg", fileCreatedAt=when, fileModifiedAt=when)
                if device.person == "anna" and number % 7 == 0:
                    hills.append(photo)
    anna.post("/api/albums", {"albumName": "Hills", "assetIds": hills})
    anna.post("/api/albums", {"albumName": "Mornings", "assetIds": hills[-3:]})
    for one in logins.values():
        one.close()
    anna.close()
    server.stop()
    set_back(server, now, chance)
    server.start()


def login(server, email, device, anna):
    if device.name == "Laptop":
        key = anna.post("/api/api-keys", {"name": "Laptop", "permissions": ["asset.upload"]}).json()["secret"]
        return client.Client(server, x_api_key=key, **device.fields)
    answer = client.Client(server, **device.fields).post("/api/auth/login", {"email": email, "password": client.PASSWORD})
    login = client.Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **device.fields)
    login.patch("/api/backup/devices/me", {"name": device.name})
    return login


def set_back(server, now, chance):
    """Moves everything to when it would have happened."""
    catalog = sqlite3.connect(server.data / "nightstand.sqlite")
    names = {device.name: device for device in DEVICES}
    for number, name, label in catalog.execute("SELECT number, name, label FROM device").fetchall():
        device = names.get(name) or names.get(label)
        if not device:
            continue
        assets = catalog.execute("SELECT number, id, file_created_at, size FROM asset WHERE device = ? ORDER BY number", (number,)).fetchall()
        days = {}
        for asset, identifier, taken, size in assets:
            came = min(now - 20 * 60_000, taken + chance.choice([40_000, 90_000, 15 * 60_000, HOUR]))
            catalog.execute("UPDATE asset SET created_at = ? WHERE number = ?", (came, asset))
            catalog.execute("UPDATE activity SET at = ?, seconds = ? WHERE asset = ? AND kind = 'stored'", (came, (came - taken) // 1000, identifier))
            one = days.setdefault(came // DAY, [0, 0, 0])
            one[0] |= 1 << (came // HOUR % 24)
            one[1] += 1
            one[2] += size
        for day in range(now // DAY - DAYS, now // DAY - device.silent + 1):
            is_seen = device.name != "Laptop" and chance.random() < 0.9
            if day not in days and is_seen and day * DAY + device.hour * HOUR < now:
                days[day] = [0, 0, 0]
            if day in days and is_seen:
                days[day][0] |= 1 << device.hour
        catalog.execute("DELETE FROM device_day WHERE device = ?", (number,))
        catalog.executemany("INSERT INTO device_day (device, day, hours, stored, bytes) VALUES (?, ?, ?, ?, ?)",
                            [(number, day, *values) for day, values in days.items()])
        last_day = max(days)
        contact = min(now - 10 * 60_000, last_day * DAY + days[last_day][0].bit_length() * HOUR - HOUR // 2)
        (upload,) = catalog.execute("SELECT max(created_at) FROM asset WHERE device = ?", (number,)).fetchone()
        catalog.execute("UPDATE device SET first_contact = ?, last_contact = ?, last_upload = ?, level = NULL, reason = NULL, state_since = NULL WHERE number = ?",
                        (now - DAYS * DAY, max(contact, upload), upload, number))
    catalog.execute("UPDATE activity SET at = ? WHERE kind NOT IN ('stored')", (now - DAYS * DAY,))
    catalog.commit()
    catalog.close()
