"""Who may do what: sign-up, sessions, cookies, API keys, precedence of credentials, and two people who share a server."""

import contextlib
import http.cookies
import re
import uuid

import pytest

from harness import catalog, client, media
from harness.client import PASSWORD, Client, base64_sha1

DAYS_400 = 400 * 24 * 3600


def refused(answer, status, message):
    assert (answer.status, answer.message) == (status, message), answer


def test_the_first_user_is_the_admin_and_there_is_no_second_sign_up(launch):
    server = launch()
    nobody = Client(server)
    assert nobody.get("/api/server/config").json()["isInitialized"] is False
    made = client.sign_up(server, email="Anna@Example.org")
    assert made["isAdmin"] is True and made["email"].lower() == "anna@example.org"
    assert nobody.get("/api/server/config").json()["isInitialized"] is True
    again = nobody.post("/api/auth/admin-sign-up", {"email": "eve@example.org", "name": "Eve", "password": PASSWORD})
    assert again.status == 400
    assert nobody.post("/api/auth/login", {"email": "eve@example.org", "password": PASSWORD}).status == 401
    assert client.log_in(server, "anna@example.org")[1].json()["userId"] == made["id"]


def test_one_of_many_simultaneous_sign_ups_wins(launch):
    """Ten strangers race for the empty server: exactly one becomes the admin."""
    from concurrent.futures import ThreadPoolExecutor
    server = launch()

    def sign_up(index):
        person = {"email": f"user{index}@example.org", "name": "U", "password": PASSWORD}
        return Client(server).post("/api/auth/admin-sign-up", person).status

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(sign_up, range(10))) == [201] + [400] * 9


@pytest.mark.parametrize("person", [
    {"email": "not an address", "name": "A", "password": PASSWORD}, {"email": "a@b.org", "name": "A"},
    {"email": "a@b.org", "name": "A", "password": ""}, {"email": "a@b.org", "password": PASSWORD},
    {"email": 7, "name": "A", "password": PASSWORD},
])
def test_a_sign_up_that_makes_no_sense_makes_no_admin(launch, person):
    server = launch()
    answer = Client(server).post("/api/auth/admin-sign-up", person)
    assert answer.status == 400, answer
    assert Client(server).get("/api/server/config").json()["isInitialized"] is False


def cookies(answer):
    """Name to morsel, from the Set-Cookie lines."""
    found = {}
    for line in answer.all("set-cookie"):
        jar = http.cookies.SimpleCookie(line)
        assert len(jar) == 1, line
        for name, morsel in jar.items():
            assert name not in found, f"{name} is set twice"
            found[name] = (morsel, {part.split("=")[0].strip().lower() for part in line.split(";")[1:]})
    return found


def test_the_cookies_are_exactly_what_the_app_needs(either):
    """No Domain (iOS compares it), Secure only over TLS, HttpOnly but for the flag that scripts may read."""
    answer = client.log_in(either)[1]
    found = cookies(answer)
    assert set(found) == {"immich_access_token", "immich_auth_type", "immich_is_authenticated"}
    assert found["immich_access_token"][0].value == answer.json()["accessToken"]
    assert re.fullmatch(r"[A-Za-z0-9]{32,}", answer.json()["accessToken"]), "a token is safe in a cookie and long"
    assert found["immich_auth_type"][0].value == "password"
    assert found["immich_is_authenticated"][0].value == "true"
    for name, (morsel, attributes) in found.items():
        assert morsel["path"] == "/" and morsel["samesite"].lower() == "lax" and morsel["domain"] == "", name
        assert int(morsel["max-age"]) == DAYS_400
        assert bool(morsel["httponly"]) == (name != "immich_is_authenticated"), name
        assert bool(morsel["secure"]) == (either.tls is not None), name
        assert attributes <= {"path", "samesite", "max-age", "httponly", "secure", "expires"}, name


def test_login_says_what_the_app_reads(server):
    _, answer = client.log_in(server)
    body = answer.json()
    assert (answer.status, body["userEmail"], body["isAdmin"]) == (201, "anna@example.org", True)
    assert body["shouldChangePassword"] is False and isinstance(body["profileImagePath"], str)
    assert body["userId"] == client.log_in(server)[0].me()["id"]
    assert client.log_in(server)[1].json()["accessToken"] != body["accessToken"]


def test_wrong_password_and_unknown_address_look_the_same(server):
    wrong = Client(server).post("/api/auth/login", {"email": "anna@example.org", "password": "wrong"})
    unknown = Client(server).post("/api/auth/login", {"email": "nobody@example.org", "password": "wrong"})
    assert wrong.status == unknown.status == 401
    assert wrong.message == unknown.message
    assert not wrong.all("set-cookie")


def test_logout_ends_the_session_and_expires_the_cookies(server):
    session, answer = client.log_in(server)
    other, _ = client.log_in(server)
    cookie = f"immich_access_token={answer.json()['accessToken']}; immich_auth_type=password"
    browser = Client(server, Cookie=cookie)
    assert browser.get("/api/users/me").status == 200
    gone = browser.post("/api/auth/logout")
    assert gone.status == 200 and gone.json()["successful"] is True
    found = cookies(gone)
    assert set(found) == {"immich_access_token", "immich_auth_type", "immich_is_authenticated"}
    for name, (morsel, _) in found.items():
        expired = morsel["max-age"] == "0" or "1970" in morsel["expires"]
        assert expired and morsel["path"] == "/" and morsel["domain"] == "", name
    assert session.get("/api/users/me").status == 401
    assert session.post("/api/auth/validateToken").status == 401, "the app logs out on this and nothing else"
    assert other.get("/api/users/me").status == 200, "another device stays logged in"


def test_every_way_to_show_a_session(server):
    session, answer = client.log_in(server)
    token = answer.json()["accessToken"]
    for fields in ({"x-immich-user-token": token}, {"x-immich-session-token": token},
                   {"Authorization": f"Bearer {token}"}, {"Authorization": f"bearer {token}"},
                   {"Cookie": f"immich_access_token={token}"},
                   {"Cookie": f"a=b; immich_access_token={token}; immich_is_authenticated=true"}):
        assert Client(server, **fields).get("/api/users/me").status == 200, fields
    assert Client(server).get(f"/api/users/me?sessionKey={token}").status == 200
    key = client.api_key(session).fields["x_api_key"]
    assert Client(server, x_api_key=key).get("/api/users/me").status == 200
    assert Client(server).get(f"/api/users/me?apiKey={key}").status == 200


def test_without_a_credential_and_with_bad_ones(server):
    refused(Client(server).get("/api/users/me"), 401, "Authentication required")
    refused(Client(server, x_api_key="wrong").get("/api/users/me"), 401, "Invalid API key")
    for fields in ({"Authorization": "Bearer wrong"}, {"x-immich-user-token": "wrong"},
                   {"Cookie": "immich_access_token=wrong"}):
        assert Client(server, **fields).get("/api/users/me").status == 401, fields
    for fields in ({"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Cookie": "immich_access_token="},
                   {"x-api-key": ""}):
        assert Client(server, **fields).get("/api/users/me").status == 401, fields


PRIVATE = [
    "GET /api/server/about", "GET /api/server/storage", "GET /api/server/statistics", "POST /api/auth/validateToken",
    "POST /api/auth/change-password", "GET /api/auth/status", "GET /api/users/me", "PUT /api/users/me",
    "GET /api/users/me/preferences", "PUT /api/users/me/preferences", "GET /api/api-keys", "POST /api/api-keys",
    "GET /api/api-keys/me", "GET /api/api-keys/{id}", "PUT /api/api-keys/{id}", "DELETE /api/api-keys/{id}",
    "POST /api/assets", "POST /api/assets/bulk-upload-check", "GET /api/assets/statistics", "GET /api/assets/{id}",
    "GET /api/assets/{id}/original", "DELETE /api/assets", "POST /api/trash/restore/assets", "GET /api/albums",
    "POST /api/albums", "GET /api/albums/{id}", "PATCH /api/albums/{id}", "DELETE /api/albums/{id}",
    "PUT /api/albums/{id}/assets", "DELETE /api/albums/{id}/assets",
]


@pytest.mark.parametrize("line", PRIVATE)
def test_a_stranger_gets_nothing(plain_server, line):
    """Before the body or the id is even looked at."""
    method, target = line.replace("{id}", str(uuid.uuid4())).split()
    body = None if method == "GET" else {"ids": [], "nonsense": True}
    refused(Client(plain_server).request(method, target, json_body=body), 401, "Authentication required")
    refused(Client(plain_server, x_api_key="x" * 43).request(method, target, json_body=body), 401, "Invalid API key")


# What each route asks of an API key, as upstream does; validateToken, logout and api-keys/me ask nothing.
PERMISSIONS = [
    ("GET /api/server/about", "server.about"), ("GET /api/server/storage", "server.storage"),
    ("GET /api/server/statistics", "server.statistics"), ("GET /api/server/version-check", "server.versionCheck"),
    ("GET /api/users/me", "user.read"), ("PUT /api/users/me", "user.update"),
    ("GET /api/users/me/preferences", "userPreference.read"),
    ("PUT /api/users/me/preferences", "userPreference.update"), ("GET /api/api-keys", "apiKey.read"),
    ("POST /api/api-keys", "apiKey.create"), ("GET /api/api-keys/{id}", "apiKey.read"),
    ("PUT /api/api-keys/{id}", "apiKey.update"), ("DELETE /api/api-keys/{id}", "apiKey.delete"),
    ("POST /api/auth/change-password", "auth.changePassword"), ("POST /api/assets", "asset.upload"),
    ("POST /api/assets/bulk-upload-check", "asset.upload"), ("GET /api/assets/statistics", "asset.statistics"),
    ("GET /api/assets/{id}", "asset.read"), ("GET /api/assets/{id}/original", "asset.download"),
    ("DELETE /api/assets", "asset.delete"), ("POST /api/trash/restore/assets", "asset.delete"),
    ("GET /api/albums", "album.read"), ("POST /api/albums", "album.create"), ("GET /api/albums/{id}", "album.read"),
    ("PATCH /api/albums/{id}", "album.update"), ("DELETE /api/albums/{id}", "album.delete"),
    ("PUT /api/albums/{id}/assets", "albumAsset.create"), ("DELETE /api/albums/{id}/assets", "albumAsset.delete"),
]


@pytest.fixture(scope="module")
def limited(plain_server):
    """Two keys: one may only what no route asks for, one may everything that the routes above ask for, by name."""
    session, _ = client.log_in(plain_server)
    return client.api_key(session, "tag.create"), client.api_key(
        session, *sorted({permission for _, permission in PERMISSIONS}))


@pytest.mark.parametrize("line, permission", PERMISSIONS)
def test_a_key_may_only_what_it_names(limited, line, permission):
    poor, rich = limited
    method, target = line.replace("{id}", str(uuid.uuid4())).split()
    body = None if method == "GET" else {}
    refused(poor.request(method, target, json_body=body), 403, f"Missing required permission: {permission}")
    assert rich.request(method, target, json_body=body).status not in (401, 403)


def test_the_permissions_are_those_of_the_description(limited):
    from harness import contract
    for line, permission in PERMISSIONS:
        described = contract.PIECES["operations"][line.replace("/api", "", 1)]["permission"]
        assert described == permission, line


def test_any_key_may_look_at_itself(limited):
    poor, _ = limited
    answer = poor.get("/api/api-keys/me")
    assert answer.status == 200 and answer.json()["permissions"] == ["tag.create"]


def test_a_session_wins_over_a_key(server, add_user):
    anna, _ = client.log_in(server)
    bert = add_user(server)
    key = client.api_key(bert, "album.read").fields["x_api_key"]
    both = Client(server, x_api_key=key, **anna.fields)
    assert both.me()["email"] == "anna@example.org", "and the key's permissions do not limit the session"


def test_the_order_of_session_credentials(server, add_user):
    """User-token header, session-token header, query, bearer, cookie; the first that is there decides, good or bad."""
    anna = client.log_in(server)[1].json()["accessToken"]
    add_user(server)
    bert = client.log_in(server, "bert@example.org")[1].json()["accessToken"]
    ways = [
        lambda token: ({"x-immich-user-token": token}, ""), lambda token: ({"x-immich-session-token": token}, ""),
        lambda token: ({}, f"?sessionKey={token}"), lambda token: ({"Authorization": f"Bearer {token}"}, ""),
        lambda token: ({"Cookie": f"immich_access_token={token}"}, ""),
    ]
    for stronger, weaker in zip(ways, ways[1:]):
        fields, query = stronger(anna)
        more, other_query = weaker(bert)
        answer = Client(server, **(more | fields)).get("/api/users/me" + (query or other_query))
        assert answer.json()["email"] == "anna@example.org", (fields, more)


def test_change_password(server):
    session, _ = client.log_in(server)
    other, _ = client.log_in(server)
    wrong = session.post("/api/auth/change-password", {"password": "wrong", "newPassword": "a new password"})
    assert wrong.status == 400
    short = session.post("/api/auth/change-password", {"password": PASSWORD, "newPassword": "short"})
    assert short.status == 400
    answer = session.post(
        "/api/auth/change-password",
        {"password": PASSWORD, "newPassword": "a new password", "invalidateSessions": True})
    assert answer.status == 200 and answer.json()["email"] == "anna@example.org"
    assert session.get("/api/users/me").status == 200, "this session stays"
    assert other.get("/api/users/me").status == 401, "the others end"
    assert Client(server).post("/api/auth/login", {"email": "anna@example.org", "password": PASSWORD}).status == 401
    assert client.log_in(server, password="a new password")[1].status == 201


def test_sessions_and_keys_survive_a_restart(server):
    session, answer = client.log_in(server)
    key = client.api_key(session)
    server.restart()
    for old in (session, key):
        old.close()
        assert old.get("/api/users/me").status == 200
    server.kill()
    server.start()
    for old in (session, key):
        old.close()
        assert old.get("/api/users/me").status == 200


def test_a_deleted_key_is_dead_at_once(server):
    session, _ = client.log_in(server)
    key = client.api_key(session)
    mine = key.get("/api/api-keys/me").json()
    assert session.delete(f"/api/api-keys/{mine['id']}").status == 204
    refused(key.get("/api/users/me"), 401, "Invalid API key")


def test_a_key_cannot_make_a_stronger_one(server):
    """A leaked key for one purpose must not turn into a key for all."""
    session, _ = client.log_in(server)
    weak = client.api_key(session, "apiKey.create", "apiKey.update", "apiKey.read")
    answer = weak.post("/api/api-keys", {"name": "stronger", "permissions": ["all"]})
    assert answer.status == 400, answer
    mine = weak.get("/api/api-keys/me").json()["id"]
    answer = weak.put(f"/api/api-keys/{mine}", {"name": "stronger", "permissions": ["all"]})
    assert answer.status == 400, answer
    assert weak.get("/api/api-keys/me").json()["permissions"] == ["apiKey.create", "apiKey.update", "apiKey.read"]


def test_secrets_are_stored_as_hashes_only(server):
    """Whoever reads the catalog or the log finds nothing to log in with."""
    session, answer = client.log_in(server)
    key = client.api_key(session).fields["x_api_key"]
    server.stop()
    found = b"".join(path.read_bytes() for path in server.data.glob("nightstand.sqlite*")) + server.log.read_bytes()
    for secret in (PASSWORD, answer.json()["accessToken"], key):
        assert secret.encode() not in found


def test_two_people_never_see_each_other(server, add_user):
    anna, _ = client.log_in(server)
    bert = add_user(server)
    data = media.jpeg("shared by both")
    hers = anna.store(data, "hers.jpg")
    album = anna.post("/api/albums", {"albumName": "Hers", "assetIds": [hers]}).json()["id"]
    key = anna.post("/api/api-keys", {"name": "hers", "permissions": ["all"]}).json()["apiKey"]["id"]

    assert bert.check(base64_sha1(data)) == [{"id": "0", "action": "accept"}]
    refused(bert.get(f"/api/assets/{hers}"), 400, "Not found or no asset.read access")
    refused(bert.original(hers), 400, "Not found or no asset.download access")
    refused(bert.delete("/api/assets", {"ids": [hers]}), 400, "Not found or no asset.delete access")
    refused(bert.get(f"/api/albums/{album}"), 400, "Not found or no album.read access")
    refused(bert.patch(f"/api/albums/{album}", {"albumName": "x"}), 400, "Not found or no album.update access")
    refused(bert.delete(f"/api/albums/{album}"), 400, "Not found or no album.delete access")
    refused(bert.put(f"/api/albums/{album}/assets", {"ids": []}), 400, "Not found or no albumAsset.create access")
    assert bert.get("/api/albums").json() == [] and bert.count() == 0
    assert bert.get("/api/api-keys").json() == []
    for method, body in (("GET", None), ("PUT", {"name": "x", "permissions": ["all"]}), ("DELETE", None)):
        assert bert.request(method, f"/api/api-keys/{key}", json_body=body).status == 400

    # The same bytes are his own asset, and a header with her checksum tells him nothing.
    answer = bert.upload(data, "his.jpg", fields={"x-immich-checksum": base64_sha1(data)})
    assert answer.status == 201
    his = answer.json()["id"]
    assert his != hers
    answer = bert.post("/api/albums", {"albumName": "His", "assetIds": [his, hers]})
    assert answer.json()["assetCount"] == 1
    added = bert.put(f"/api/albums/{answer.json()['id']}/assets", {"ids": [hers]}).json()
    assert added[0]["success"] is False and added[0]["error"] == "no_permission"
    live = bert.upload(media.heic("his live"), "his.heic", livePhotoVideoId=hers)
    assert live.status == 400
    found = catalog.inspect(server.data)
    assert len(found) == 2
    assert len({row["key"].split(b"/")[0] for row in found}) == 2, "each person has a folder"
    assert anna.original(hers).body == data and bert.original(his).body == data


def test_admin_routes_are_for_admins(server, add_user):
    bert = add_user(server)
    refused(bert.get("/api/server/statistics"), 403, "Forbidden")
    assert bert.me()["isAdmin"] is False


def test_failed_logins_are_slowed(launch):
    """Per account and per address; a success elsewhere does not lift it, and the answer says how long to wait."""
    server = launch()
    client.sign_up(server)

    def attempt(email, password, source):
        with contextlib.closing(Client(server, source=source)) as stranger:
            return stranger.post("/api/auth/login", {"email": email, "password": password})

    def slowed(email, source):
        for _ in range(60):
            answer = attempt(email, "wrong", source)
            if answer.status == 429:
                return answer
            assert answer.status == 401
        raise AssertionError("60 wrong passwords in a row were all answered 401")

    answer = slowed("anna@example.org", "127.0.0.77")
    assert 1 <= int(answer.header("retry-after")) <= 3600
    assert attempt("anna@example.org", PASSWORD, "127.0.0.77").status == 429, "the right password does not slip past"
    # One address tries many accounts: the address itself is slowed.
    for index in range(200):
        answer = attempt(f"user{index}@example.org", "wrong", "127.0.0.88")
        if answer.status == 429:
            break
    assert answer.status == 429, "one address may try any number of accounts"
