"""Camera-like files, the same on every run: real JPEG and PNG, and containers with honest first boxes."""

import hashlib
import io
import json
import os
import pathlib
import random
import struct

from PIL import Image

from .process import REPOSITORY

# A folder of real camera files beside the repository; the proof also passes where it is absent.
REAL = pathlib.Path(os.environ.get("NIGHTSTAND_MEDIA", REPOSITORY.parent / "shared" / "media"))

NAMES = [
    "IMG_0001.JPG", "IMG_0002.jpeg", "with space.jpg", "Grün Öl Straße.jpg", "日本の写真.png", "🌅 sunrise 🏖️.jpg",
    'a "quoted" name.jpg', "it's mine.png", "semi;colon,comma.jpg", "percent %41 %zz.jpg", "back\\slash.jpg",
    "plus+and&amp.jpg", "l" * 200 + ".jpg", "ü" * 100 + ".png", "two.dots.jpg", "IMG_1234.HEIC", "live photo.MOV",
    "clip.mp4", "e\u0301 decomposed.jpg",
]


def noise(seed, size):
    return random.Random(f"nightstand {seed}").randbytes(size)


def jpeg(seed, edge=64):
    """A real JPEG whose pixels depend on the seed."""
    return _picture(seed, edge, "JPEG")


def png(seed, edge=48):
    return _picture(seed, edge, "PNG")


def _picture(seed, edge, form):
    out = io.BytesIO()
    Image.frombytes("RGB", (edge, edge), noise(seed, edge * edge * 3)).save(out, form)
    return out.getvalue()


def _box(kind, data):
    return struct.pack(">I", 8 + len(data)) + kind + data


def heic(seed, size=20_000):
    return _box(b"ftyp", b"heic\0\0\0\0mif1heic") + _box(b"mdat", noise(seed, size))


def mov(seed, size=50_000):
    return _box(b"ftyp", b"qt  \0\0\2\0qt  ") + _box(b"mdat", noise(seed, size))


def mp4(seed, size=50_000):
    return _box(b"ftyp", b"isom\0\0\2\0isommp42") + _box(b"mdat", noise(seed, size))


def bytes_for(name, seed):
    """Bytes that suit the name's extension."""
    kinds = {".png": png, ".heic": heic, ".mov": mov, ".mp4": mp4}
    return kinds.get(pathlib.PurePath(name).suffix.lower(), jpeg)(seed)


def folder(root: pathlib.Path, seed="folder"):
    """Writes one file per name, some in subfolders, each with an old modification time; returns path to bytes."""
    written = {}
    for index, name in enumerate(NAMES):
        path = root / ("", "DCIM", "DCIM/100APPLE")[index % 3] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = bytes_for(name, f"{seed} {index}")
        path.write_bytes(data)
        os.utime(path, (1_600_000_000 + index * 86_400, 1_600_000_000 + index * 86_400 + 0.25))
        written[path] = data
    return written


def real_files():
    """The real camera files whose bytes still match their manifest: path, bytes. Empty where the folder is absent."""
    manifest = REAL / "manifest.json"
    if not manifest.is_file():
        return []
    out = []
    for entry in json.loads(manifest.read_text()):
        data = (REAL / entry["path"]).read_bytes()
        assert hashlib.sha1(data, usedforsecurity=False).hexdigest() == entry["sha1_hex"], entry["path"]
        out.append((REAL / entry["path"], data))
    return out
