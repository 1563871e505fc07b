"""Two phones and a laptop for sixty days: real logins and real uploads, and then the clock of what is recorded is set back.

The server stamps what arrives with its own clock, as it should; so the times are moved in the catalog, while it stands still. What needs
weeks by its nature is written there too: the days on which a phone called and had nothing new, and its tickles."""

import base64
import datetime
import random
import sqlite3
import time

from harness import client, media
from harness.sleeper import register
from pictures import DAY, landscape

DAYS = 60
HOUR = DAY // 24
MINUTE = HOUR // 60
TUS = {"Tus-Resumable": "1.0.0"}


class Device:
    """One device with its habit: how many photos a day, at which hour they come, and since how many days it is silent."""

    def __init__(self, name, person, hour, photos, silent=0, **fields):
        self.name, self.person, self.hour, self.photos, self.silent, self.fields = name, person, hour, photos, silent, fields


DEVICES = [
    Device("Anna’s Pixel", "anna", 21, (0, 1, 2, 3, 4, 6), User_Agent="immich-android/3.1.0", deviceModel="Pixel 8"),
    Device("Ben’s iPhone", "ben", 7, (0, 1, 1, 2, 3), silent=9, User_Agent="immich-ios/3.1.0", deviceModel="iPhone15,2"),
    Device("Laptop", "anna", 13, (0, 0, 0, 0, 5), User_Agent="nightstand/0.1.0 (Linux)"),
]


def fill(server, anna, email, say=lambda text: None, share=1.0, push=None):
    """Fills the server of the admin `anna`. `share` below 1 makes fewer photos; through `push`, a service that runs, Anna's Pixel can be
    woken. Returns when the server runs again."""
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
                number += 1
                taken = now - day * DAY - chance.randrange(1, 10) * HOUR - chance.randrange(60) * MINUTE
                photo = store(logins[device.name], number, taken)
                if device.person == "anna" and number % 7 == 0:
                    hills.append(photo)
    for year in (2009, 2011, 2014):  # scans of old prints, which came lately and stand far back
        number += 1
        store(logins["Laptop"], number, int(datetime.datetime(year, 7, 14, 15, tzinfo=datetime.timezone.utc).timestamp() * 1000), f"Scan {year}.jpg")
    logins["Laptop"].upload(b"not a photo", "Thumbs.exe", checked=False)
    leave_unfinished(logins["Laptop"])
    # As an app of one's own would say it; the Immich app does not.
    logins["Anna’s Pixel"].post("/api/backup/devices/me/check-in", {
        "total": 3250, "remaining": 0, "albumsSelected": 3, "albumsTotal": 9, "itemsOutside": 412, "permission": "full", "lowPower": False, "wifiOnly": True,
        "isBackgroundOn": True})
    logins["Anna’s Pixel"].patch("/api/backup/devices/me", {"policy": {"network": "wifi", "maxBytesOnCellular": None, "includeVideos": True}})
    anna.post("/api/albums", {"albumName": "Hills", "assetIds": hills})
    anna.post("/api/albums", {"albumName": "Mornings", "assetIds": hills[-3:]})
    # Names that are nobody's (RFC 2606).
    anna.post("/api/backup/alerts/channels", {"kind": "ntfy", "url": "https://ntfy.example.org/anna-and-the-photos"})
    anna.post("/api/backup/alerts/channels", {"kind": "webhook", "url": "https://home.example.org/api/webhook/photos"})
    anna.put("/api/backup/alerts", {"quietHours": {"from": "22:00", "to": "07:00"}, "timeZone": "Europe/Berlin"})
    if push:
        register(logins["Anna’s Pixel"], push)
    for one in logins.values():
        one.close()
    anna.close()
    server.stop()
    set_back(server, now, chance)
    server.start()


def store(login, number, taken, name=None):
    when = datetime.datetime.fromtimestamp(taken / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return login.store(landscape(number), name or f"IMG_{number:04}.jpg", fileCreatedAt=when, fileModifiedAt=when)


def leave_unfinished(login):
    """A film of which two fifths arrived before the lid was closed."""
    film = media.mov("summer", 5_000_000)
    name = base64.b64encode(b"Summer.mov").decode()
    answer = login.post("/api/backup/uploads", fields=TUS | {"Upload-Length": str(len(film)), "Upload-Metadata": f"filename {name}"}, checked=False)
    login.patch(answer.header("Location"), body=film[:len(film) * 2 // 5], checked=False,
                fields=TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})


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
    catalog.execute("UPDATE activity SET at = ? WHERE kind NOT IN ('stored', 'rejected')", (now - DAYS * DAY,))
    names = {device.name: device for device in DEVICES}
    for number, name, label in catalog.execute("SELECT number, name, label FROM device").fetchall():
        if device := names.get(name) or names.get(label):
            move_device(catalog, number, device, now, chance)
            tickle(catalog, number, device, now, chance)
    in_order(catalog)
    catalog.commit()
    catalog.close()


def move_device(catalog, number, device, now, chance):
    """What it stored comes a little after it was taken; on most other days the device called at its hour and had nothing new."""
    days = {}
    for asset, identifier, taken, size in catalog.execute("SELECT number, id, file_created_at, size FROM asset WHERE device = ? ORDER BY number", (number,)).fetchall():
        is_scan = taken < now - (DAYS + 1) * DAY
        came = now - 3 * DAY + asset * 1000 if is_scan else min(now - 20 * MINUTE, taken + chance.choice([MINUTE, 2 * MINUTE, 15 * MINUTE, HOUR]))
        catalog.execute("UPDATE asset SET created_at = ? WHERE number = ?", (came, asset))
        catalog.execute("UPDATE activity SET at = ?, seconds = ? WHERE asset = ? AND kind = 'stored'", (came, (came - taken) // 1000, identifier))
        one = days.setdefault(came // DAY, [0, 0, 0])
        one[0] |= 1 << (came // HOUR % 24)
        one[1] += 1
        one[2] += size
    catalog.execute("UPDATE activity SET at = ? WHERE device = ? AND kind = 'rejected'", (now - 3 * DAY + HOUR, number))
    for day in range(now // DAY - DAYS, now // DAY - device.silent + 1):
        calls = device.name != "Laptop" and chance.random() < 0.9 and day * DAY + device.hour * HOUR < now
        if calls:
            days.setdefault(day, [0, 0, 0])[0] |= 1 << device.hour
    catalog.execute("DELETE FROM device_day WHERE device = ?", (number,))
    catalog.executemany("INSERT INTO device_day (device, day, hours, stored, bytes) VALUES (?, ?, ?, ?, ?)",
                        [(number, day, *values) for day, values in days.items()])
    last = max(days)
    (upload,) = catalog.execute("SELECT max(created_at) FROM asset WHERE device = ?", (number,)).fetchone()
    contact = max(upload, min(now - 10 * MINUTE, last * DAY + days[last][0].bit_length() * HOUR - HOUR // 2))
    # A phone that fell silent alarmed three days later.
    level, reason, since = ("red", "quiet", contact + 3 * DAY) if device.silent else (None, None, None)
    catalog.execute("UPDATE device SET first_contact = ?, last_contact = ?, last_upload = ?, level = ?, reason = ?, state_since = ? WHERE number = ?",
                    (now - DAYS * DAY, contact, upload, level, reason, since, number))
    if device.silent:
        catalog.execute("INSERT INTO activity (at, kind, user, device, reason, detail) SELECT ?, 'alarm', user, number, 'quiet', 'red' FROM device WHERE number = ?",
                        (since, number))


def tickle(catalog, number, device, now, chance):
    """The phones' tickles: Anna's answers, Ben's did until it fell silent."""
    if device.name == "Laptop":
        return
    channel = "apns" if "ios" in device.fields["User_Agent"] else "webpush"
    days = range(DAYS, device.silent, -2) if device.silent else range(DAYS, 0, -1)
    tried = {True: [0, 0], False: [0, 0]}  # held or not: how many, and contacts behind them
    for index, day in enumerate([*days, *([8, 7, 4] if device.silent else [])]):
        at = now - day * DAY + chance.randrange(DAY // 2)
        held = index % 10 == 6
        came = index == 16 if held else day > device.silent and chance.random() < 0.9
        latency = chance.randrange(3000, 70_000) if came else None
        tried[held][0] += 1
        tried[held][1] += latency is not None
        catalog.execute("INSERT INTO tickle (device, at, channel, why, held, nudge, delivery, contact_at, over) VALUES (?, ?, ?, 'stale', ?, 0, ?, ?, 1)",
                        (number, at, channel, held, None if held else "accepted", latency and at + latency))
    catalog.execute("INSERT OR REPLACE INTO tickle_device (device, sent, sent_contacts, held, held_contacts, cadence, unjudged, rung, unanswered,"
                    " short_runs, nudged, last_tickle, diagnosis) VALUES (?, ?, ?, ?, ?, 1, 0, 0, ?, 0, 0, ?, ?)",
                    (number, *tried[False], *tried[True], 3 if device.silent else 0, at, "force_quit_or_restricted" if device.silent else None))


def in_order(catalog):
    """Entries are numbered as they come."""
    fields = "at, kind, user, device, asset, name, bytes, captured_at, count, seconds, reason, detail"
    rows = catalog.execute(f"SELECT {fields} FROM activity ORDER BY at, number").fetchall()
    catalog.execute("DELETE FROM activity")
    catalog.executemany(f"INSERT INTO activity ({fields}) VALUES ({', '.join('?' * 12)})", rows)
