"""Deleting: the trash, real removal through quarantine, and what a crash may not spoil."""

import http.client
import signal
import subprocess
import time

import pytest

from harness import catalog, client, media
from harness.client import base64_sha1

POINTS = ["removal-announced", "removal-moved", "removal-listed", "removal-unlisted", "removal-recorded"]
DAY = 86_400_000


def waiting(data):
    with catalog.opened(data) as db:
        return db.execute("SELECT count(*) FROM removal WHERE state = 'announced'").fetchone()[0]


def settled(server):
    """Waits until no file is on its way out."""
    deadline = time.monotonic() + 20
    while waiting(server.data):
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.02)


def quarantined(data):
    """Path below quarantine/ to bytes, without the lists."""
    root = data / "quarantine"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*")
            if path.is_file() and path.name != "SHA1SUMS"}


def sums_hold(data):
    for day in (data / "quarantine").iterdir():
        done = subprocess.run(["sha1sum", "--check", "--strict", "SHA1SUMS"], cwd=day, capture_output=True, timeout=60)
        assert done.returncode == 0, (day, done.stdout, done.stderr)


def healthy(server):
    settled(server)
    catalog.inspect(server.data)
    catalog.sums_hold(server.data)
    catalog.integrity(server.data)
    sums_hold(server.data)


def age(server, statement, *arguments):
    """Moves something into the past, behind a stopped server's back."""
    server.stop()
    with catalog.opened(server.data, write=True) as db:
        db.execute(statement, arguments)
    server.start()


def test_restore_and_empty(server, admin):
    ids = [admin.store(media.jpeg(f"photo {index}")) for index in range(5)]
    assert admin.delete("/api/assets", {"ids": ids[:4]}).status == 204
    assert admin.delete("/api/assets", {"ids": ids[:1]}).status == 204, "trashed twice"
    assert admin.post("/api/trash/restore/assets", {"ids": ids[:1] + ids[4:]}).json() == {"count": 1}
    assert admin.post("/api/trash/restore").json() == {"count": 3}
    assert admin.post("/api/trash/empty").json() == {"count": 0}
    assert admin.count() == 5
    assert admin.delete("/api/assets", {"ids": ids[1:3]}).status == 204
    assert admin.post("/api/trash/empty").json() == {"count": 2}
    assert admin.count() == 3
    assert admin.get(f"/api/assets/{ids[1]}").status == 400
    healthy(server)
    assert sorted(quarantined(server.data).values()) == sorted(media.jpeg(f"photo {index}") for index in (1, 2))


def test_deleted_for_good_is_gone_at_once(server, admin):
    data, sidecar = media.jpeg("gone"), b"<x:xmpmeta/>"
    asset = admin.store(data, "Grün.jpg", sidecar=sidecar)
    kept = admin.store(media.jpeg("kept"), "Grün.jpg")
    before = admin.me()["quotaUsageInBytes"]
    album = admin.post("/api/albums", {"albumName": "A", "assetIds": [asset, kept]}).json()["id"]
    assert admin.delete("/api/assets", {"ids": [asset], "force": True}).status == 204
    assert admin.check(base64_sha1(data))[0]["action"] == "accept"
    assert admin.me()["quotaUsageInBytes"] == before - len(data) - len(sidecar)
    assert admin.get(f"/api/albums/{album}").json()["assetCount"] == 1
    # The same bytes are new again, and not mistaken for those on their way out.
    again = admin.store(data, "Grün.jpg", sidecar=sidecar)
    assert again != asset and admin.original(again).body == data
    healthy(server)
    (path, content), (sidecar_path, _) = sorted(quarantined(server.data).items())
    assert content == data and path.endswith("/Grün.jpg") and sidecar_path == path + ".xmp"
    assert admin.delete("/api/assets", {"ids": [asset], "force": True}).status == 400
    # Put back by hand: uploaded from there it is the duplicate that it is.
    assert admin.upload(content).json() == {"id": again, "status": "duplicate"}


def test_nothing_happens_where_one_id_is_foreign(server, admin, add_user):
    bert = add_user(server)
    mine, his = admin.store(media.jpeg("mine")), bert.store(media.jpeg("his"))
    for body in ({"ids": [mine, his]}, {"ids": [mine, his], "force": True}):
        assert admin.delete("/api/assets", body).status == 400
    assert admin.get(f"/api/assets/{mine}").json()["isTrashed"] is False
    assert bert.original(his).status == 200
    assert admin.delete("/api/assets", {"ids": [mine] * 3, "force": True}).status == 204
    healthy(server)


def test_motion_parts(server, admin):
    motion = admin.store(media.mov("motion"), "a.mov", visibility="hidden")
    stills = [admin.store(media.heic(f"still {index}"), "a.heic", livePhotoVideoId=motion) for index in range(2)]
    assert admin.delete("/api/assets", {"ids": stills}).status == 204
    assert admin.get(f"/api/assets/{motion}").json()["isTrashed"] is False, "trashing does not touch it"
    assert admin.delete("/api/assets", {"ids": stills[:1], "force": True}).status == 204
    assert admin.original(motion).status == 200, "another still uses it"
    assert admin.post("/api/trash/empty").json() == {"count": 1}
    assert admin.original(motion).status == 400
    healthy(server)
    assert len(quarantined(server.data)) == 3


def test_the_trash_is_emptied_after_its_days(launch):
    server = launch("--trash-days", "3", founded=True)
    session = client.session(server)
    admin = client.api_key(session)
    old, young = admin.store(media.jpeg("old")), admin.store(media.jpeg("young"))
    assert admin.get("/api/server/config").json()["trashDays"] == 3
    assert admin.delete("/api/assets", {"ids": [old, young]}).status == 204
    admin.close()
    now = int(time.time() * 1000)
    age(server, "UPDATE asset SET deleted_at = ? WHERE sha1 = ?", now - 4 * DAY, client.sha1(media.jpeg("old")).digest())
    deadline = time.monotonic() + 20
    while admin.get(f"/api/assets/{old}").status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    healthy(server)
    assert admin.get(f"/api/assets/{young}").json()["isTrashed"] is True
    assert list(quarantined(server.data).values()) == [media.jpeg("old")]


def test_the_quarantine_is_emptied_after_its_days(launch):
    server = launch("--quarantine-days", "5", founded=True)
    session = client.session(server)
    admin = client.api_key(session)
    assert admin.delete("/api/assets", {"ids": [admin.store(media.jpeg("gone"))], "force": True}).status == 204
    settled(server)
    (path,) = quarantined(server.data)
    server.stop()
    day = path.split("/")[0]
    for past, is_left in [(5, True), (6, False)]:
        then = time.strftime("%Y-%m-%d", time.gmtime(time.time() - past * 86_400))
        (server.data / "quarantine" / day).rename(server.data / "quarantine" / then)
        with catalog.opened(server.data, write=True) as db:
            db.execute("UPDATE removal SET day = ?, target = replace(CAST(target AS TEXT), ?, ?)", [then, day, then])
        day = then
        server.start()
        deadline = time.monotonic() + (2 if is_left else 20)
        while list((server.data / "quarantine").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert bool(quarantined(server.data)) is is_left
        server.stop()
    assert list((server.data / "quarantine").iterdir()) == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_files_leave(launch, point):
    """At each step: after the restart everything is as if nothing had happened, and what stays is whole."""
    server = launch(founded=True)
    session = client.session(server)
    admin = client.api_key(session)
    session.close()
    kept = [admin.store(media.jpeg(f"kept {index}"), f"{index}.jpg") for index in range(3)]
    gone = {admin.store(media.jpeg(f"gone {index}"), "gone.jpg", sidecar=b"<x:xmpmeta/>"): media.jpeg(f"gone {index}")
            for index in range(5)}
    admin.close()
    server.restart(NIGHTSTAND_CRASH_AT=f"{point}:{3 if point == 'removal-moved' else 1}")
    try:
        admin.delete("/api/assets", {"ids": list(gone), "force": True})
    except (http.client.HTTPException, OSError):
        assert point in ("removal-announced", "removal-moved", "removal-listed", "removal-unlisted", "removal-recorded")
    assert server.wait(20) == -signal.SIGKILL, server.tail()
    admin.close()
    server.start()
    # Whoever sends the bytes again is not answered by what is on its way out.
    again = admin.store(media.jpeg("gone 0"), "gone.jpg")
    healthy(server)
    assert sorted(value for path, value in quarantined(server.data).items() if path.endswith(".jpg")) == sorted(gone.values())
    assert len(quarantined(server.data)) == 10
    for asset in gone:
        assert admin.get(f"/api/assets/{asset}").status == 400
    assert admin.original(again).body == media.jpeg("gone 0")
    for index, asset in enumerate(kept):
        assert admin.original(asset).body == media.jpeg(f"kept {index}")
