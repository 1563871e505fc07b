"""The page's own small algorithms, held against others': QR codes are decoded by ZXing, SHA-1 is WebCrypto's."""

import zxingcpp
from PIL import Image

MODULE = 4  # pixels


def drawn(rows):
    size = (len(rows) + 8) * MODULE
    picture = Image.new("L", (size, size), 255)
    for y, row in enumerate(rows):
        for x, is_dark in enumerate(row):
            if is_dark:
                picture.paste(0, ((x + 4) * MODULE, (y + 4) * MODULE, (x + 5) * MODULE, (y + 5) * MODULE))
    return picture


def test_qr_codes_of_every_version_can_be_read(visit):
    page = visit().open()
    for length in [1, *range(10, 410, 13), 412]:
        text = ("http://192.168.1.5:2283/#/connect?" + "Grün ☾ aB9-" * 60).encode()[:length].decode(errors="ignore")
        rows = page.evaluate("async text => (await import('/qr/qr.js')).qr(text)", text)
        found = zxingcpp.read_barcodes(drawn(rows))
        assert [code.text for code in found] == [text], length


def test_too_long_a_text_is_refused(visit):
    page = visit().open()
    refused = page.evaluate("async () => { const { qr } = await import('/qr/qr.js'); try { qr('x'.repeat(413)); } catch (e) { return e.name; } }")
    assert refused == "RangeError"


def test_sha1_is_that_of_webcrypto(visit):
    page = visit().open()
    cases = [[], [0], [1], [55], [56], [63, 1], [64], [65], [3, 61, 64, 7], [119, 1, 8], [1_000_003, 17]]
    sums = page.evaluate(
        """async (cases) => {
          const { SHA1 } = await import('/upload/sha1.js');
          const both = async (pieces) => {
            const whole = new Uint8Array(pieces.reduce((sum, size) => sum + size, 0));
            for (let at = 0; at < whole.length; at += 65536) crypto.getRandomValues(whole.subarray(at, at + 65536));
            const sum = new SHA1();
            let at = 0;
            for (const size of pieces) { sum.update(whole.subarray(at, at + size)); at += size; }
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', whole));
            return [sum.hex(), [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')];
          };
          return Promise.all(cases.map(both));
        }""", cases)
    for pieces, (ours, theirs) in zip(cases, sums, strict=True):
        assert ours == theirs, pieces


def test_the_timeline_finds_by_height_what_it_placed(visit):
    """Every photo that lies between two heights is found there, and nothing far from it."""
    page = visit().open()
    wrong = page.evaluate(
        """async () => {
          const { layOut, between, position } = await import('/photos/grid.js');
          const months = Array.from({ length: 200 }, (_, i) => ({ month: `${2026 - Math.floor(i / 12)}-01-01`, count: 1 + (i * 7919) % 1200 }));
          const layout = layOut(months, 1234);
          const wrong = [];
          for (let from = -500; from < layout.height; from += 9973) {
            const found = new Set(between(layout, from, from + 800).flatMap(({ month, from, to }) => Array.from({ length: Math.max(0, to - from) }, (_, i) => month.first + from + i)));
            for (const month of layout.months) for (let index = 0; index < month.count; index += 1) {
              const { top } = position(layout, month, index);
              const isInSight = top + layout.size > from && top < from + 800;
              const isFar = top + 3 * layout.step < from || top > from + 800 + 3 * layout.step;
              const number = month.first + index;
              if (isInSight !== found.has(number) && (isInSight || isFar)) wrong.push([from, number]);
            }
          }
          return wrong;
        }""")
    assert wrong == []


def test_a_day_without_a_time_is_that_day_west_of_greenwich_too(chromium, server):
    context = chromium.new_context(base_url=server.url, locale="en-GB", timezone_id="America/New_York")
    page = context.new_page()
    page.goto("/")
    cell = {"date": "2026-11-21", "stored": 1, "bytes": 5, "duplicates": 0, "rejected": 0, "broken": 0, "hours": 1}
    title = page.evaluate("async (cell) => (await import('/devices/parts.js')).strip([cell]).firstChild.title", cell)
    context.close()
    assert title.startswith("21 Nov 2026")
