"""Libraries to look at: pictures with something on them, and a catalog of many thousands without files."""

import colorsys
import datetime
import io
import random
import sqlite3
import subprocess

from PIL import Image, ImageDraw, ImageFilter

DAY = 86_400_000


def landscape(seed, size=(640, 480)):
    """A painted view: sky, sun, hills. Small, cheerful, and different for every seed."""
    chance = random.Random(f"landscape {seed}")
    width, height = size
    hue = chance.choice([0.55, 0.58, 0.6, 0.05, 0.08, 0.95, 0.7]) + chance.uniform(-0.03, 0.03)
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        draw.line([(0, y), (width, y)], fill=colour(hue, 0.55 - 0.45 * y / height, 0.75 + 0.25 * y / height))
    x, y, r = chance.uniform(0.15, 0.85) * width, chance.uniform(0.12, 0.45) * height, chance.uniform(0.05, 0.11) * height
    draw.ellipse((x - r, y - r, x + r, y + r), fill=colour(0.13, 0.25, 1))
    ground = chance.choice([0.3, 0.36, 0.42, 0.1, 0.6])
    for layer in range(4):
        base = height * (0.5 + 0.13 * layer)
        points, level = [(0, height)], base
        for step in range(0, width + 40, 40):
            level = min(base + 50, max(base - 70 + 15 * layer, level + chance.uniform(-32, 32)))
            points.append((step, level))
        draw.polygon([*points, (width, height)], fill=colour(ground, 0.25 + 0.1 * layer, 0.75 - 0.15 * layer))
    out = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(0.8)).save(out, "JPEG", quality=82)
    return out.getvalue()


def colour(hue, saturation, value):
    return tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, max(0, min(1, saturation)), max(0, min(1, value))))


def clip(folder, seconds=2):
    """A film that Chromium plays, with a moving picture."""
    path = folder / "clip.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", f"testsrc=duration={seconds}:size=320x240:rate=10",
         "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)], check=True, timeout=60)
    return path.read_bytes()


def generate(server, email, count, years=12):
    """Stops the server and writes `count` photos without files into its catalog, spread over `years`; starts it again."""
    server.stop()
    catalog = sqlite3.connect(server.data / "nightstand.sqlite", isolation_level=None)
    catalog.execute("PRAGMA synchronous = OFF")
    chance = random.Random(count)
    (owner,) = catalog.execute("SELECT number FROM user WHERE email = ?", (email,)).fetchone()
    now = int(datetime.datetime(2026, 6, 30, tzinfo=datetime.timezone.utc).timestamp() * 1000)

    def rows():
        for number in range(count):
            identifier = bytearray(chance.randbytes(16))
            identifier[6], identifier[8] = identifier[6] & 0x0F | 0x40, identifier[8] & 0x3F | 0x80
            taken = now - int(number * years * 365 * DAY / count)
            name = f"GEN_{number:07}.jpg"
            yield (bytes(identifier), owner, chance.randbytes(20), 3_000_000, f"anna/2026/{name}", chance.getrandbits(64) - (1 << 63), name.encode(),
                   taken, taken, taken, taken, taken, name.lower())

    catalog.execute("BEGIN")
    catalog.executemany(
        """
        INSERT INTO asset (id, owner, sha1, kind, mime_type, size, original_key, place, original_name,
          file_created_at, file_modified_at, local_date_time, created_at, updated_at, search_name, is_favorite, visibility)
        VALUES (?, ?, ?, 'IMAGE', 'image/jpeg', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'timeline')
        """, rows())
    catalog.execute("DELETE FROM job")  # there are no files that anything could be read from
    catalog.execute("COMMIT")
    catalog.close()
    server.start()
