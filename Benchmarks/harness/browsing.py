"""Line h: what people and their phones read, of a catalog of 1,000,000 assets."""

import http.client
import json
import random
import time

from .nightstand import EMAIL, Nightstand
from .processes import BenchmarkError
from .rows import bound_row

ASKED = 200
MEMBERS = 50_000
LINES = 5_000
PASSWORD = "a long password for one benchmark"
SYNC_TYPES = ["AuthUsersV1", "UsersV1", "AssetsV2", "AssetExifsV1", "AlbumsV2", "AlbumUsersV1", "AlbumToAssetsV1"]


class Reader:
    """One keep-alive connection."""

    def __init__(self, server, **fields):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.fields = fields | {"content-type": "application/json"}

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, body and json.dumps(body), self.fields)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise BenchmarkError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return json.loads(content)

    def lines(self, path, body, count):
        """Seconds until so many lines had come; the rest is not waited for."""
        begin = time.perf_counter()
        self.connection.request("POST", path, json.dumps(body), self.fields)
        answer, seen = self.connection.getresponse(), 0
        while seen < count:
            piece = answer.read1(1 << 20)
            if not piece:
                raise BenchmarkError(f"only {seen} lines of {count}")
            seen += piece.count(b"\n")
        spent = time.perf_counter() - begin
        self.connection.close()
        return spent


def browsing(work, repeats, catalog):
    with Nightstand(work, catalog.data) as server:
        key = Reader(server, **{"x-api-key": catalog.key})
        token = key("POST", "/api/auth/login", {"email": EMAIL, "password": PASSWORD})["accessToken"]
        phone = Reader(server, authorization=f"Bearer {token}")
        chance = random.Random(7)
        months = [month["timeBucket"] for month in key("GET", "/api/timeline/buckets")]
        ids = []
        for page in range(1, MEMBERS // 1000 + 1):
            ids += [item["id"] for item in key("POST", "/api/search/metadata", {"size": 1000, "page": page * 15})["assets"]["items"]]
        album = key("POST", "/api/albums", {"albumName": "Large", "assetIds": ids})
        if album["assetCount"] != MEMBERS:
            raise BenchmarkError(f"the album has {album['assetCount']} of {MEMBERS} assets")
        album = album["id"]
        album_months = [month["timeBucket"] for month in key("GET", f"/api/timeline/buckets?albumId={album}")]

        def timed(*request):
            begin = time.perf_counter()
            key(*request)
            return time.perf_counter() - begin

        questions = [
            ("timeline buckets", 0.15, lambda: timed("GET", "/api/timeline/buckets")),
            ("a bucket of the timeline", 0.05,
             lambda: timed("GET", f"/api/timeline/bucket?timeBucket={chance.choice(months)}")),
            ("a page of a search, 250 of the first 10,000", 0.05,
             lambda: timed("POST", "/api/search/metadata", {"page": chance.randint(1, 40), "withExif": True})),
            ("an asset", 0.05, lambda: timed("GET", f"/api/assets/{chance.choice(ids)}")),
            ("an album of 50,000", 0.05, lambda: timed("GET", f"/api/albums/{album}")),
            ("a bucket of that album", 0.05,
             lambda: timed("GET", f"/api/timeline/bucket?timeBucket={chance.choice(album_months)}&albumId={album}")),
            ("the first 5,000 lines of a sync", 0.05,
             lambda: phone.lines("/api/sync/stream", {"types": SYNC_TYPES, "reset": True}, LINES)),
        ]
        rows = []
        for what, bound, ask in questions:
            ask()
            spent = sorted(ask() for _ in range(ASKED))
            median, late = spent[len(spent) // 2], spent[len(spent) * 99 // 100]
            print(f"  {what}: median {median * 1000:.1f} ms, p99 {late * 1000:.1f} ms, {server.memory():.0f} MB", flush=True)
            rows.append(bound_row(
                "h", f"{what}, 1,000,000 assets", median, f"{median * 1000:.1f} ms, p99 {late * 1000:.1f} ms", bound,
                f"≤ {bound * 1000:.0f} ms at the median", at_least=False))
        peak = server.memory("VmHWM")
        rows.append(bound_row("h", "peak of memory in all of that", peak, f"{peak:.0f} MB", 120, "≤ 120 MB", at_least=False))
    return rows
