"""Many originals at once: the plan, and archives that other people's programs read."""

import io
import os
import shutil
import struct
import subprocess
import time
import zipfile

import pytest

from harness import catalog, client, media
from harness.wire import Wire


def archive(someone, ids):
    answer = someone.post("/api/download/archive", {"assetIds": ids})
    assert answer.status == 200, answer
    assert answer.header("content-type") == "application/zip"
    assert int(answer.header("content-length")) == len(answer.body)
    return answer.body


def test_names_bytes_and_times(server, admin):
    """Names are made safe, and unique whatever the file system that they are unpacked on."""
    files = [("IMG_1.jpg", "IMG_1.jpg"), ("IMG_1.jpg", "IMG_1+1.jpg"), ("img_1.JPG", "img_1+2.JPG"),
             ("IMG_1+1.jpg", "IMG_1+1+1.jpg"), ("Grün 🌅.jpg", "Grün 🌅.jpg"), ("../../etc/passwd.jpg", "_.._etc_passwd.jpg"),
             ("con.jpg", "_con.jpg"), ("/abs.png", "_abs.png"), ("a\\b.png", "a_b.png")]
    data = {name: media.bytes_for(name, index) + str(index).encode() for index, (_, name) in enumerate(files)}
    ids = [admin.store(data[name], original) for original, name in files]
    raw = archive(admin, ids + ids[:2])
    with zipfile.ZipFile(io.BytesIO(raw)) as found:
        assert found.testzip() is None
        assert found.namelist() == [name for _, name in files]
        for info in found.infolist():
            assert found.read(info) == data[info.filename]
            assert info.compress_type == zipfile.ZIP_STORED and info.flag_bits & 0x808 == 0x808
            assert info.date_time == (2024, 7, 5, 13, 14, 14), "steps of two seconds"
            assert info.external_attr >> 16 == 0o100644


@pytest.mark.skipif(shutil.which("bsdtar") is None and shutil.which("unzip") is None, reason="no other unpacker")
def test_other_unpackers_read_it(admin, tmp_path):
    data = media.jpeg("other")
    raw = archive(admin, [admin.store(data, "über.jpg")])
    (tmp_path / "a.zip").write_bytes(raw)
    program = ["unzip", "-q"] if shutil.which("unzip") else ["bsdtar", "-xf"]
    subprocess.run([*program, str(tmp_path / "a.zip")], cwd=tmp_path, check=True, capture_output=True, timeout=60,
                   env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert (tmp_path / "über.jpg").read_bytes() == data


def test_nothing_and_what_is_missing(server, admin):
    with zipfile.ZipFile(io.BytesIO(archive(admin, []))) as found:
        assert found.namelist() == []
    asset = admin.store(media.jpeg("lost"))
    (row,) = catalog.rows(server.data)
    (server.data / "originals" / row["key"].decode()).unlink()
    answer = admin.post("/api/download/archive", {"assetIds": [asset]})
    assert answer.status == 404 and "missing" in answer.message, "said before the first byte"


def test_plans(admin):
    sizes = {admin.store(media.noise(index, 1000) + b"x", f"{index}.jpg"): 1001 for index in range(5)}
    ids = list(sizes)
    plan = admin.post("/api/download/info", {"assetIds": ids}).json()
    assert plan == {"totalSize": 5005, "archives": [{"size": 5005, "assetIds": ids}]}
    plan = admin.post("/api/download/info", {"assetIds": ids, "archiveSize": 1500}).json()
    assert [entry["assetIds"] for entry in plan["archives"]] == [ids[:2], ids[2:4], ids[4:]]
    assert admin.post("/api/download/info", {"assetIds": ids, "archiveSize": 0}).status == 400
    motion = admin.store(media.mov("motion"), "a.mov", visibility="hidden")
    still = admin.store(media.heic("still"), "a.heic", livePhotoVideoId=motion)
    assert admin.post("/api/download/info", {"assetIds": [still]}).json()["archives"][0]["assetIds"] == [still, motion]
    everything = admin.post("/api/download/info", {"userId": admin.me()["id"]}).json()
    assert set(everything["archives"][0]["assetIds"]) == {*ids, still, motion}
    assert admin.delete("/api/assets", {"ids": ids[:1]}).status == 204
    everything = admin.post("/api/download/info", {"userId": admin.me()["id"]}).json()
    assert ids[0] not in everything["archives"][0]["assetIds"]
    assert admin.post("/api/download/info", {"assetIds": [ids[0]] * 200_001}).status in (400, 413)


def test_a_client_that_leaves_does_no_harm(server, admin):
    asset = admin.store(media.noise(1, 20 << 20) + b"x", "large.jpg")
    key = admin.fields["x_api_key"]
    body = b'{"assetIds":["%s"]}' % asset.encode()
    with Wire(server) as wire:
        wire.send(b"POST /api/download/archive HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (key.encode(), len(body), body))
        wire.socket.recv(100_000)
    assert admin.get("/api/server/ping").status == 200


def test_an_archive_above_four_gigabytes(server, admin, tmp_path):
    """A sparse file of 4 GiB and a small one behind it: sizes and offsets in zip64, read by Python's zipfile."""
    size = (4 << 30) + 5
    asset, small = admin.store(media.jpeg("sparse"), "sparse.mp4"), admin.store(media.jpeg("small"), "small.jpg")
    if shutil.disk_usage(tmp_path).free < 6 << 30:
        pytest.skip("needs 6 GiB on the disk")
    row = next(row for row in catalog.rows(server.data) if row["name"] == b"sparse.mp4")
    with (server.data / "originals" / row["key"].decode()).open("r+b") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    with catalog.opened(server.data, write=True) as db:
        db.execute("UPDATE asset SET size = ? WHERE original_name = CAST('sparse.mp4' AS BLOB)", [size])
    target = tmp_path / "large.zip"
    began = time.monotonic()
    body = b'{"assetIds":["%s","%s"]}' % (asset.encode(), small.encode())
    done = subprocess.run(
        ["curl", "-sS", "--fail", "-o", str(target), "-H", f"x-api-key: {admin.fields['x_api_key']}", "-H",
         "Content-Type: application/json", "--data-binary", "@-", f"{server.url}/api/download/archive"],
        input=body, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    print(f"{target.stat().st_size / (time.monotonic() - began) / 1e6:.0f} MB/s")
    assert server.resident() < 120 << 20
    with zipfile.ZipFile(target) as found:
        large, last = found.infolist()
        assert (large.filename, large.file_size, last.filename) == ("sparse.mp4", size, "small.jpg")
        assert last.header_offset > 4 << 30 and large.extract_version == 45
        assert found.read(last) == media.jpeg("small")
        with found.open(large) as file:  # compares the sum at the end
            count = 0
            while piece := file.read(1 << 22):
                count += len(piece)
                end = piece
            assert count == size and end.endswith(b"end")
    with target.open("rb") as file:
        head = file.read(30)
        assert struct.unpack("<I", head[18:22])[0] == struct.unpack("<I", head[22:26])[0] == 0xFFFFFFFF
    target.unlink()
