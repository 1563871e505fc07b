"""Every path that clients need (tier 1 and 2) answers: for a session, for a key that may do everything, for a key that may do
exactly this; 403 for a key that may do everything else, 401 for a stranger. Answers are held against the contract."""

import hashlib
import pathlib

import pytest

from harness import client, contract, media, multipart, process
from harness.client import PASSWORD

TIERS = (pathlib.Path(__file__).parent / "contract" / "tier-1-2-paths.txt").read_text().split("\n")
TIERS = [line for line in TIERS if line]
PIECES = contract.PIECES["operations"]
# Who asks matters to nobody, or the request itself says who.
OPEN = {"GET /.well-known/immich", "POST /api/auth/login", "POST /api/auth/admin-sign-up"} | {
    f"GET /api/server/{name}" for name in ("ping", "version", "features", "config", "media-types", "version-history")}
# A phone's sync belongs to a login: keys are refused, whatever they may.
SESSIONS_ONLY = {"POST /api/sync/stream", "GET /api/sync/ack", "POST /api/sync/ack", "DELETE /api/sync/ack"}


class House:
    def __init__(self, folder):
        self.server = process.Nightstand(folder / "data").start()
        client.sign_up(self.server)
        self.session, login = client.log_in(self.server)
        self.me = login.json()["userId"]
        self.key = client.api_key(self.session)
        permissions = set(filter(None, map(permission, TIERS)))
        self.almost = {name: client.api_key(self.session, *sorted(permissions - {name})) for name in permissions}
        self.exact = {name: client.api_key(self.session, name) for name in permissions}
        self.film = self.session.store(media.mp4("tiers"), "film.mp4")
        self.numbers = iter(range(10**6))
        self.photo = self.asset()
        process.until(lambda: self.session.get(f"/api/assets/{self.photo}/thumbnail", checked=False).status == 200,
                      limit=60, what="the photo's thumbnail")

    def asset(self):
        return self.session.store(media.jpeg(f"tiers {next(self.numbers)}"))

    def album(self):
        return self.session.post("/api/albums", {"albumName": "A", "assetIds": [self.photo]}).json()["id"]

    def tag(self):
        return self.session.put("/api/tags", {"tags": ["Tag"]}).json()[0]["id"]

    def user(self):
        return self.session.post("/api/admin/users", {
            "email": f"user{next(self.numbers)}@example.org", "name": "U", "password": PASSWORD}).json()["id"]

    def login(self):
        return client.log_in(self.server)[0]

    def other_session(self):
        self.login()
        return next(one["id"] for one in self.session.get("/api/sessions").json() if not one["current"])

    def spare_key(self):
        return self.session.post("/api/api-keys", {"name": "spare", "permissions": ["asset.read"]}).json()["apiKey"]["id"]

    def upload(self):
        return multipart.upload(media.jpeg(f"tiers {next(self.numbers)}"), "photo.jpg")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("tiers"))
    yield house
    house.server.close()


def permission(line):
    return PIECES.get(line.replace(" /api/", " /", 1), {}).get("permission")


# What each request says, made anew for each time; its status is the description's first success.
BODIES = {
    "POST /api/auth/login": lambda h: {"email": "anna@example.org", "password": PASSWORD},
    "POST /api/api-keys": lambda h: {"name": "made", "permissions": ["asset.read"]},
    "PUT /api/api-keys/{id}": lambda h: {"name": "renamed", "permissions": ["asset.read"]},
    "POST /api/assets/bulk-upload-check": lambda h: {"assets": [{"id": "x", "checksum": hashlib.sha1(b"x").hexdigest()}]},
    "PUT /api/assets/{id}": lambda h: {"isFavorite": True},
    "PUT /api/assets": lambda h: {"ids": [h.asset()], "isFavorite": True},
    "DELETE /api/assets": lambda h: {"ids": [h.asset()]},
    "POST /api/search/metadata": lambda h: {"withExif": True},
    "POST /api/search/random": lambda h: {"size": 2},
    "POST /api/search/statistics": lambda h: {},
    "POST /api/sync/stream": lambda h: {"types": ["AuthUsersV1", "UsersV1", "AssetsV2"]},
    "POST /api/sync/ack": lambda h: {"acks": ["SyncCompleteV1|1"]},
    "DELETE /api/sync/ack": lambda h: {"types": ["AlbumV1"]},
    "POST /api/albums": lambda h: {"albumName": "A"},
    "PUT /api/albums/{id}/assets": lambda h: {"ids": [h.asset()]},
    "PATCH /api/albums/{id}": lambda h: {"albumName": "B"},
    "DELETE /api/albums/{id}/assets": lambda h: {"ids": [h.photo]},
    "PUT /api/jobs/{name}": lambda h: {"command": "resume"},
    "POST /api/trash/restore/assets": lambda h: {"ids": [h.photo]},
    "PUT /api/users/me": lambda h: {"name": "Anna"},
    "PUT /api/users/me/preferences": lambda h: {"memories": {"enabled": True}},
    "POST /api/auth/change-password": lambda h: {"password": PASSWORD, "newPassword": PASSWORD},
    "POST /api/admin/users": lambda h: {
        "email": f"u{next(h.numbers)}@example.org", "name": "U", "password": PASSWORD},
    "PUT /api/admin/users/{id}": lambda h: {"name": "V"},
    "DELETE /api/admin/users/{id}": lambda h: {},
    "POST /api/download/info": lambda h: {"assetIds": [h.photo]},
    "POST /api/download/archive": lambda h: {"assetIds": [h.photo]},
    "PUT /api/tags": lambda h: {"tags": ["Travel/Italy"]},
    "PUT /api/tags/{id}/assets": lambda h: {"ids": [h.asset()]},
    "POST /api/stacks": lambda h: {"assetIds": [h.asset(), h.asset()]},
}
QUERIES = {
    "GET /api/timeline/bucket": "timeBucket=2024-01-01", "GET /api/search/person": "name=x",
    "GET /api/partners": "direction=shared-by",
}
# Refused by design, with the status that says so.
REFUSED = {
    "POST /api/auth/admin-sign-up": 400,  # there is an admin
    "GET /api/users/{id}/profile-image": 404,  # nobody has one
    "POST /api/stacks": 400,  # not supported, and said so
}


def target(house, line):
    path = line.split(" ")[1]
    if line == "GET /api/faces":
        return f"{path}?id={house.photo}"
    if "{id}" in path:
        made = (
            house.film if "video" in path else house.photo if "/assets/{id}" in path
            else house.album() if "/albums/" in path else house.tag() if "/tags/" in path
            else house.spare_key() if "/api-keys/" in path else house.other_session() if "/sessions/" in path
            else house.user())
        path = path.replace("{id}", made)
    path = path.replace("{name}", "faceDetection")
    return f"{path}?{QUERIES[line]}" if line in QUERIES else path


def ask(house, line, who):
    method, path = line.split(" ")[0], target(house, line)
    if line == "POST /api/assets":
        return who.request(method, path, body=house.upload(), fields={"Content-Type": multipart.content_type()})
    body = BODIES[line](house) if line in BODIES else None
    return who.request(method, path, json_body=body)


def succeeds(line, answer):
    if line in REFUSED:
        assert answer.status == REFUSED[line], answer
        assert answer.message and answer.header("X-Correlation-ID")
        return
    described = PIECES.get(line.replace(" /api/", " /", 1))
    # The client held the body against the description's schema already, required keys first of all.
    expected = {int(status) for status in described["responses"]} if described else {200, 204}
    assert answer.status in expected, answer


def test_the_list_is_what_the_description_knows():
    unknown = {line for line in TIERS if line.replace(" /api/", " /", 1) not in PIECES}
    assert unknown == {"GET /.well-known/immich"} | SESSIONS_ONLY
    assert len(TIERS) == len(set(TIERS)) > 70


@pytest.mark.parametrize("line", TIERS)
def test_a_session_may(house, line):
    if line == "GET /api/api-keys/me":
        # A login is no key.
        assert ask(house, line, house.session).status == 403
        return
    ends = line in ("POST /api/auth/logout", "DELETE /api/sessions", "POST /api/auth/change-password")
    who = house.login() if ends else house.session
    if line == "DELETE /api/sessions":
        # Ends all others, the house's too.
        answer = ask(house, line, who)
        house.session = who
    else:
        answer = ask(house, line, who)
        if line == "POST /api/auth/change-password" and house.session.get("/api/users/me", checked=False).status == 401:
            house.session = house.login()
    succeeds(line, answer)


@pytest.mark.parametrize("line", [line for line in TIERS if line not in OPEN])
def test_a_key_may_what_it_is_allowed(house, line):
    if line in SESSIONS_ONLY:
        answer = ask(house, line, house.key)
        assert (answer.status, answer.message) == (403, "Sync endpoints cannot be used with API keys")
        return
    if line in ("POST /api/auth/logout", "DELETE /api/sessions"):
        pytest.skip("ends logins; what a key hears there is test_accounts.py's")
    succeeds(line, ask(house, line, house.key))
    if name := permission(line):
        answer = ask(house, line, house.exact[name])
        if line in ("POST /api/api-keys", "PUT /api/api-keys/{id}", "DELETE /api/api-keys/{id}"):
            # A key has power only over keys that can do no more than itself.
            assert answer.status == 400 and "permissions you do not have" in answer.message, answer
        else:
            succeeds(line, answer)


@pytest.mark.parametrize("line", [line for line in TIERS if permission(line) and line not in OPEN | SESSIONS_ONLY])
def test_a_key_without_the_permission_may_not(house, line):
    answer = ask(house, line, house.almost[permission(line)])
    assert (answer.status, answer.message) == (403, f"Missing required permission: {permission(line)}")


@pytest.mark.parametrize("line", [line for line in TIERS if line not in OPEN])
def test_a_stranger_may_nothing(house, line):
    for nobody in (client.Client(house.server), client.Client(house.server, x_api_key="guess"),
                   client.Client(house.server, Authorization="Bearer guess")):
        answer = ask(house, line, nobody)
        assert answer.status == 401 and answer.message, answer
        assert answer.header("X-Correlation-ID") and answer.content_type == "application/json"
