"""What is read from files and made of them behind an upload: facts by exiftool, pictures by libvips and ffmpeg."""

import calendar
import io
import json
import pathlib
import shutil
import struct
import subprocess
import time
import uuid

import pytest
from PIL import Image

from harness import catalog, client, media, process



@pytest.fixture(scope="module", autouse=True)
def tools():
    """Without them nothing here would prove anything."""
    missing = [name for name in ("exiftool", "vipsthumbnail", "ffmpeg") if not shutil.which(name)]
    assert not missing, f"not installed: {missing}; 'make test-packages' installs them"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    server = process.Nightstand(tmp_path_factory.mktemp("media") / "data").start()
    client.sign_up(server)
    session, _ = client.log_in(server)
    yield server, session
    session.close()
    server.close()


def facts(server, asset):
    with catalog.opened(server.data) as rows:
        row = rows.execute(
            """SELECT facts.*, asset.duration, asset.local_date_time, asset.file_created_at FROM facts
            JOIN asset ON asset.number = facts.asset WHERE asset.id = ?""", [uuid.UUID(asset).bytes]).fetchone()
    return {key: value.decode() if isinstance(value, bytes) and key != "thumbhash" else value
            for key, value in dict(row).items()}


def jobs(server, asset):
    """What is left to do, or was given up: kind to (state, reason)."""
    with catalog.opened(server.data) as rows:
        return {row["kind"].decode(): (row["state"].decode(), (row["reason"] or b"").decode()) for row in rows.execute(
            "SELECT job.* FROM job JOIN asset ON asset.number = job.asset WHERE asset.id = ?",
            [uuid.UUID(asset).bytes])}


def settled(server, asset, limit=60):
    """Waits until nothing is to be done; what was given up."""
    process.until(lambda: all(state == "failed" for state, _ in jobs(server, asset).values()), limit, f"jobs of {asset}")
    return {kind: reason for kind, (_, reason) in jobs(server, asset).items()}


def picture(server, asset, name):
    path = server.data / "derived" / asset[:2] / f"{asset}-{name}.webp"
    try:
        return Image.open(io.BytesIO(path.read_bytes()))
    except FileNotFoundError:
        return None


def pictures_fit(server, asset, width, height):
    preview, thumbnail = picture(server, asset, "preview"), picture(server, asset, "thumbnail")
    assert preview.format == thumbnail.format == "WEBP"
    assert max(preview.size) == min(1440, max(width, height))
    assert preview.width / preview.height == pytest.approx(width / height, rel=0.04)
    assert min(thumbnail.size) <= 251 and max(thumbnail.size) <= 751
    assert min(thumbnail.size) >= min(249, min(width, height)) or max(thumbnail.size) >= 749
    assert thumbnail.width / thumbnail.height == pytest.approx(width / height, rel=0.05)
    # Nothing of the original's metadata is handed on.
    assert not preview.getexif() and not thumbnail.getexif() and "icc_profile" not in preview.info
    assert 5 < len(facts(server, asset)["thumbhash"]) < 40


def milliseconds(text, offset=0):
    return (calendar.timegm(time.strptime(text, "%Y:%m:%d %H:%M:%S")) - offset * 3600) * 1000


# What no tool of Debian 12 makes a picture of.
PICTURELESS = {"corrupted.jpg"}


def real_files():
    manifest = media.REAL / "manifest.json"
    return json.loads(manifest.read_text()) if manifest.exists() else []


@pytest.mark.parametrize("entry", real_files(), ids=lambda entry: entry["path"])
def test_camera_files_have_their_facts_and_pictures(home, entry):
    server, session = home
    data, exif = (media.REAL / entry["path"]).read_bytes(), entry["exif"]
    asset = session.store(data, pathlib.Path(entry["path"]).name)
    failed = settled(server, asset)
    found = facts(server, asset)
    turned = exif.get("Orientation", 1) >= 5
    size = (exif["ImageWidth"], exif["ImageHeight"])
    width, height = reversed(size) if turned else size
    assert (found["width"], found["height"]) == (width, height)
    assert found["orientation"] == (str(exif["Orientation"]) if "Orientation" in exif else None)
    assert (found["make"], found["model"]) == (exif.get("Make"), exif.get("Model"))
    if "LensModel" in exif:
        assert found["lens"] == exif["LensModel"]
    for ours, theirs in [("latitude", "GPSLatitude"), ("longitude", "GPSLongitude"), ("f_number", "FNumber"),
                         ("focal_length", "FocalLength"), ("iso", "ISO")]:
        assert found[ours] == (pytest.approx(exif[theirs], rel=1e-6) if theirs in exif else None), ours
    if exif.get("ExposureTime", 1) < 0.3:
        assert found["exposure_time"] == f"1/{round(1 / exif['ExposureTime'])}"
    if "DateTimeOriginal" in exif:
        wall = milliseconds(exif["DateTimeOriginal"])
        # Fractions of a second are in the files, not in the manifest.
        assert found["local_date_time"] // 1000 == wall // 1000
        if "OffsetTimeOriginal" in exif:
            hours = int(exif["OffsetTimeOriginal"][:3])
            assert found["taken_at"] // 1000 == wall // 1000 - hours * 3600
            assert found["time_zone"] == f"UTC{hours:+d}"
        assert found["file_created_at"] == found["taken_at"]
    if entry["path"] in PICTURELESS:
        assert "vipsthumbnail" in failed["pictures"] and picture(server, asset, "preview") is None
    else:
        assert failed == {}
        pictures_fit(server, asset, width, height)
        for size in ("thumbnail", "preview"):
            answer = session.get(f"/api/assets/{asset}/thumbnail?size={size}&edited=true")
            assert Image.open(io.BytesIO(answer.body)).size == picture(server, asset, size).size
    # Whatever was made of it, the bytes are as they were.
    assert session.original(asset).body == data


def drawn(form, orientation=1, size=(120, 80), exif=None, **options):
    """Red left, blue right, seen with orientation 1."""
    image = Image.new("RGB", size, (220, 20, 20))
    image.paste((20, 20, 220), (size[0] // 2, 0, *size))
    exif = exif or Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, form, exif=exif, **options)
    return out.getvalue()


@pytest.mark.parametrize("form, name", [
    ("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp"), ("TIFF", "a.tif"), ("AVIF", "a.avif")])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_stand_upright(home, form, name, orientation):
    if form == "AVIF" and orientation != 1:
        pytest.skip("Pillow turns AVIF by a property, which is proved by the phones' HEIC")
    server, session = home
    asset = session.store(drawn(form, orientation), name)
    assert settled(server, asset) == {}
    turned = orientation >= 5
    pictures_fit(server, asset, *((80, 120) if turned else (120, 80)))
    seen = picture(server, asset, "preview").convert("RGB")
    red = {1: (0.1, 0.5), 3: (0.9, 0.5), 6: (0.5, 0.1), 8: (0.5, 0.9)}[orientation]
    red, _, blue = seen.getpixel((int(red[0] * seen.width), int(red[1] * seen.height)))
    assert red > 150 > 100 > blue
    found = facts(server, asset)
    assert (found["width"], found["height"]) == ((80, 120) if turned else (120, 80))


def test_gif_bmp_and_transparent_png(home):
    server, session = home
    for form, name in [("GIF", "a.gif"), ("BMP", "a.bmp")]:
        out = io.BytesIO()
        Image.new("RGB", (60, 40), (1, 200, 3)).save(out, form)
        asset = session.store(out.getvalue(), name)
        assert settled(server, asset) == {}, name
        pictures_fit(server, asset, 60, 40)
    out = io.BytesIO()
    Image.new("RGBA", (300, 200), (10, 200, 30, 0)).save(out, "PNG")
    asset = session.store(out.getvalue(), "clear.png")
    assert settled(server, asset) == {}
    assert picture(server, asset, "preview").mode == "RGBA"


def raw_file(orientation):
    """As a camera writes DNG: a directory whose picture is a JPEG preview that knows nothing of how it was held."""
    picture = drawn("JPEG", size=(400, 300))
    entries = [(0xFE, 4, 1, 1), (0x100, 4, 1, 400), (0x101, 4, 1, 300), (0x103, 3, 1, 7), (0x106, 3, 1, 6),
               (0x111, 4, 1, 8 + 2 + 12 * 9 + 4), (0x112, 3, 1, orientation), (0x117, 4, 1, len(picture)),
               (0xC612, 1, 4, 0x0401)]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4) + picture


def test_raw_files_show_their_embedded_preview(home):
    server, session = home
    asset = session.store(raw_file(6), "IMG_0001.DNG")
    assert settled(server, asset) == {}
    pictures_fit(server, asset, 300, 400)
    red, _, blue = picture(server, asset, "preview").convert("RGB").getpixel((150, 40))
    assert red > 150 > 100 > blue


def film(folder, name, *options, seconds=2):
    path = folder / name
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=c=red:d={seconds}:s=320x180:r=25", "-pix_fmt", "yuv420p",
         *options, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def test_film_has_length_rate_date_and_a_frame(home, tmp_path):
    server, session = home
    for name in ["a.mp4", "a.mov", "a.mkv"]:
        asset = session.store(
            film(tmp_path, name, "-metadata", "creation_time=2024-01-02T03:04:05Z").read_bytes(), name)
        assert settled(server, asset) == {}, name
        found = facts(server, asset)
        assert (found["width"], found["height"]) == (320, 180)
        assert abs(found["duration"] - 2000) < 100
        assert found["fps"] == pytest.approx(25, abs=0.1)
        if name != "a.mkv":
            assert found["taken_at"] == found["local_date_time"] == milliseconds("2024:01:02 03:04:05")
        pictures_fit(server, asset, 320, 180)
        red, green, blue = picture(server, asset, "preview").convert("RGB").getpixel((100, 100))
        assert red > 200 and green < 60 and blue < 60


def test_film_held_upright(home, tmp_path):
    server, session = home
    film(tmp_path, "lying.mp4")
    path = tmp_path / "upright.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(tmp_path / "lying.mp4"), "-metadata:s:v:0", "rotate=90",
                    "-c", "copy", str(path)], check=True, stdin=subprocess.DEVNULL)
    asset = session.store(path.read_bytes(), "upright.mp4")
    assert settled(server, asset) == {}
    found = facts(server, asset)
    assert (found["width"], found["height"]) == (180, 320)
    pictures_fit(server, asset, 180, 320)


def tagged(folder, *tags, name="tagged.jpg", data=None):
    path = folder / name
    path.write_bytes(data or drawn("JPEG"))
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags, str(path)], check=True)
    return path.read_bytes()


def test_zone_comes_from_the_satellites(home, tmp_path):
    server, session = home
    asset = session.store(tagged(
        tmp_path, "-DateTimeOriginal=2023:07:01 14:00:30", "-GPSDateStamp=2023:07:01", "-GPSTimeStamp=12:00:00",
        "-GPSLatitude=52.5", "-GPSLatitudeRef=N", "-GPSLongitude=13.4", "-GPSLongitudeRef=E"), "berlin.jpg")
    assert settled(server, asset) == {}
    found = facts(server, asset)
    assert found["time_zone"] == "UTC+2"
    assert found["taken_at"] == milliseconds("2023:07:01 14:00:30", 2)
    assert found["local_date_time"] == milliseconds("2023:07:01 14:00:30")


def test_nonsense_is_dropped(home, tmp_path):
    server, session = home
    asset = session.store(tagged(
        tmp_path, "-DateTimeOriginal=0000:00:00 00:00:00", "-GPSLatitude=0", "-GPSLongitude=0",
        "-GPSLatitudeRef=N", "-GPSLongitudeRef=E", "-Make=  ", "-Model=" + "x" * 2000 + "\x1b[31m"), "odd.jpg")
    assert settled(server, asset) == {}
    found = facts(server, asset)
    assert found["taken_at"] is found["latitude"] is found["longitude"] is found["make"] is None
    assert found["model"] == "x" * 200
    assert found["file_created_at"] != 0


@pytest.mark.parametrize("name, data", [
    ("noise.jpg", b"\xff\xd8\xff" + media.noise("broken", 5000)),
    ("empty-heic.HEIC", media.heic("broken")),
    ("empty-film.mp4", media.mp4("broken")),
    ("cut.jpg", drawn("JPEG", size=(3000, 2000))[:200]),
    ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
    ("-n.jpg", b"-execute\n-stay_open\nFalse\n"),
])
def test_broken_files_are_kept_and_said_to_be_broken(home, name, data):
    server, session = home
    asset = session.store(data, name)
    failed = settled(server, asset)
    assert failed["pictures"], "the reason is kept"
    assert "\n" not in failed["pictures"] and str(server.data) not in failed["pictures"]
    assert picture(server, asset, "preview") is None and facts(server, asset)["thumbhash"] is None
    assert session.original(asset).body == data
    # And the next one is as good as ever.
    good = session.store(media.jpeg(f"after {name}"), "good.jpg")
    assert settled(server, good) == {}


def test_pictures_go_with_their_asset(home):
    server, session = home
    asset = session.store(media.jpeg("to be deleted"), "gone.jpg")
    assert settled(server, asset) == {} and picture(server, asset, "preview")
    session.delete("/api/assets", {"ids": [asset], "force": True})
    process.until(lambda: picture(server, asset, "preview") is None, 60, "the pictures are removed")
    assert picture(server, asset, "thumbnail") is None


def fake(folder, name, script):
    """Tools of which one is a script of ours."""
    folder.mkdir()
    for tool in ("exiftool", "vipsthumbnail", "vips", "vipsheader", "ffmpeg", "ffprobe"):
        if tool != name and shutil.which(tool):
            (folder / tool).symlink_to(shutil.which(tool))
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return {"NIGHTSTAND_TOOLS": str(folder)}


def children(pid):
    """Processes that the process has started and that still run."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            found[int(stat.parent.name)] = name
    return found


def test_a_killed_server_leaves_no_tool_behind(launch, tmp_path):
    """Also one that hangs and reads nothing, which closing its input would not end."""
    server = launch(environment=fake(tmp_path / "bin", "vipsthumbnail", "exec /bin/sleep 1000"), founded=True)
    session = client.session(server)
    session.store(media.jpeg("left behind"), "left.jpg")
    pid = server.process.pid
    tools = process.until(
        lambda: (running := children(pid)) and "sleep" in running.values() and running, 30, "the tool runs")
    server.kill()
    process.until(lambda: not any(alive(tool) for tool in tools), 10, f"the end of {tools}")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_is_deleted_while_its_pictures_are_made_leaves_none(launch, tmp_path):
    """And nothing of it becomes the next photo's, which gets a row number that nobody had."""
    begun, gate = "begun", tmp_path / "gate"
    wait = f'case "$*" in *preview*) : > {begun}; while ! test -e {gate}; do :; done;; esac'
    server = launch(environment=fake(
        tmp_path / "bin", "vipsthumbnail", f'{wait}\nexec {shutil.which("vipsthumbnail")} "$@"'), founded=True)
    session = client.session(server)
    gone = session.store(media.jpeg("deleted meanwhile"), "gone.jpg")
    process.until(lambda: list((server.data / "derived").glob(f"work/**/{begun}")), 30, "the tool runs")
    number = row_number(server, gone)
    assert session.delete("/api/assets", {"ids": [gone], "force": True}).status == 204
    answer = session.put("/api/jobs/thumbnailGeneration", {"command": "pause", "force": True})
    assert answer.status == 200
    heir = session.store(media.jpeg("the heir", 90), "heir.jpg")
    assert row_number(server, heir) > number
    gate.touch()
    session.put("/api/jobs/thumbnailGeneration", {"command": "resume"})
    assert settled(server, heir) == {}
    assert picture(server, heir, "preview") and facts(server, heir)["width"] == 90
    process.until(lambda: not pictures_of(server, gone), 60, "no picture of the deleted one")


def row_number(server, asset):
    with catalog.opened(server.data) as rows:
        return rows.execute("SELECT number FROM asset WHERE id = ?", [uuid.UUID(asset).bytes]).fetchone()["number"]


def pictures_of(server, asset):
    return list((server.data / "derived").rglob(f"*{asset}*"))


def test_missing_tools_are_waited_for(launch, tmp_path):
    """A server that finds none stores as ever; one that is started where they are does the work."""
    empty = tmp_path / "bin"
    empty.mkdir()
    server = launch(environment={"NIGHTSTAND_TOOLS": str(empty)}, founded=True)
    session = client.session(server)
    asset = session.store(media.jpeg("waits"), "waits.jpg")
    process.until(lambda: {state for state, _ in jobs(server, asset).values()} == {"blocked"}, 60, "blocked jobs")
    assert set(jobs(server, asset)) == {"facts", "pictures"}
    said = [line for line in server.tail(200).splitlines() if "libimage-exiftool-perl" in line]
    assert len(said) == 1 and "libvips-tools" in said[0] and "ffmpeg" in said[0]
    queue = session.get("/api/jobs").json()["metadataExtraction"]
    assert queue["jobCounts"]["waiting"] == 1
    server.stop()
    server.environment = {}
    server.start()
    assert settled(server, asset) == {}


def test_paused_queues_wait_and_survive_a_restart(server):
    session = client.session(server)
    for name in ("thumbnailGeneration", "metadataExtraction"):
        answer = session.put(f"/api/jobs/{name}", {"command": "pause", "force": True}).json()
        assert answer["queueStatus"]["isPaused"]
    asset = session.store(media.jpeg("paused"), "paused.jpg")
    server.restart()
    session, _ = client.log_in(server)
    queue = session.get("/api/jobs").json()["thumbnailGeneration"]
    assert queue["jobCounts"]["paused"] == 1 and queue["queueStatus"]["isPaused"]
    assert {state for state, _ in jobs(server, asset).values()} == {"waiting"}
    for name in ("thumbnailGeneration", "metadataExtraction"):
        session.put(f"/api/jobs/{name}", {"command": "resume"})
    assert settled(server, asset) == {}


def test_a_killed_server_goes_on(server):
    session = client.session(server)
    assets = [session.store(media.jpeg(f"killed {number}", 200), f"{number}.jpg") for number in range(12)]
    server.kill()
    server.start()
    for asset in assets:
        assert settled(server, asset) == {}
        assert picture(server, asset, "preview")


def test_memory_stays_small(home):
    """A hundred megapixels pass through a tool, not through the server."""
    server, session = home
    before = server.resident()
    out = io.BytesIO()
    Image.new("RGB", (12_000, 8_000), (90, 120, 40)).save(out, "JPEG")
    asset = session.store(out.getvalue(), "huge.jpg")
    assert settled(server, asset, 120) == {}
    assert server.resident() - before < 15 << 20
