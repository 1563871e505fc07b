"""People and their logins, as admins and they themselves manage them."""

import time

import pytest

from harness import catalog, client, media


@pytest.fixture
def anna(server):
    session = client.session(server)
    yield session
    session.close()


def create(admin, name="bert", **more):
    answer = admin.post("/api/admin/users", {
        "email": f"{name}@example.org", "name": name.title(), "password": client.PASSWORD,
        "shouldChangePassword": False} | more)
    assert answer.status == 201, answer
    return answer.json()["id"]


def change(admin, user, **values):
    answer = admin.put(f"/api/admin/users/{user}", values)
    assert answer.status == 200, answer
    return answer.json()


def test_everybody_sees_who_is_there_and_only_admins_more(server, anna):
    bert = create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    for someone in (anna, his):
        assert [user["name"] for user in someone.get("/api/users").json()] == ["Anna", "Bert"]
        assert someone.get(f"/api/users/{bert}").json()["email"] == "bert@example.org"
        assert "isAdmin" not in someone.get(f"/api/users/{bert}").json()
    for method, target, body in [
            ("GET", "/api/admin/users", None), ("POST", "/api/admin/users", {}), ("GET", f"/api/admin/users/{bert}", None),
            ("PUT", f"/api/admin/users/{bert}", {"isAdmin": True}), ("DELETE", f"/api/admin/users/{bert}", {}),
            ("GET", "/api/jobs", None), ("PUT", "/api/jobs/ocr", {"command": "pause"})]:
        answer = his.request(method, target, json_body=body)
        assert (answer.status, answer.message) == (403, "Forbidden"), (method, target)


def test_a_request_may_say_whose_it_is(server, anna):
    """A tab that was opened before somebody else logged in names its user: nothing of theirs goes into the wrong library."""
    bert = create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    mine = anna.get("/api/users/me").json()["id"]
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}
    for named in (mine, mine.upper()):
        assert anna.get("/api/users/me", fields={"X-Nightstand-User": named}).status == 200
    for named in (bert, "nobody", "00000000-0000-4000-8000-000000000000"):
        answer = anna.post("/api/backup/uploads", checked=False, fields=tus | {"X-Nightstand-User": named})
        assert (answer.status, answer.json()["code"]) == (409, "other_user"), named
        assert answer.header("X-Asset-Error") == "other_user" and answer.header("X-Asset-Status") is None
    begun = anna.post("/api/backup/uploads", checked=False, fields=tus | {"X-Nightstand-User": mine})
    assert begun.status == 201
    # The address alone is enough for an upload, but not for somebody who says who they are and does not prove it.
    stranger, place = client.Client(server), begun.header("Location")
    assert stranger.request("HEAD", place, fields={"Tus-Resumable": "1.0.0"}, checked=False).status == 200
    assert stranger.request("HEAD", place, fields={"Tus-Resumable": "1.0.0", "X-Nightstand-User": mine}, checked=False).status == 401
    stranger.close()
    assert his.get("/api/backup/uploads").json() == [] and len(anna.get("/api/backup/uploads").json()) == 1


def test_a_quota_is_set_and_taken_away(server, anna):
    bert = create(anna, quotaSizeInBytes=100)
    his, _ = client.log_in(server, "bert@example.org")
    assert his.upload(media.jpeg("large")).message == "Quota has been exceeded!"
    assert change(anna, bert, name="Berthold")["quotaSizeInBytes"] == 100, "what is not named stays"
    assert change(anna, bert, quotaSizeInBytes=None)["quotaSizeInBytes"] is None
    data = media.jpeg("large")
    his.store(data)
    assert change(anna, bert, quotaSizeInBytes=0)["quotaUsageInBytes"] == len(data)
    assert his.upload(media.jpeg("more")).message == "Quota has been exceeded!"


def test_a_password_reset_ends_the_sessions(server, anna):
    bert = create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    key = client.api_key(his)
    after = change(anna, bert, password="another password", shouldChangePassword=True)
    assert after["shouldChangePassword"] is True
    assert his.get("/api/users/me").status == 401
    assert key.get("/api/users/me").status == 200, "keys are no logins"
    nobody = client.Client(server)
    assert nobody.post("/api/auth/login", {"email": "bert@example.org", "password": client.PASSWORD}).status == 401
    his, login = client.log_in(server, "bert@example.org", "another password")
    assert login.json()["shouldChangePassword"] is True
    assert his.put("/api/users/me", {"password": "his own choice"}).json()["shouldChangePassword"] is False
    # An admin who changes their own keeps the session that does it.
    other, _ = client.log_in(server)
    change(anna, anna.me()["id"], password="anna's other password")
    assert anna.get("/api/users/me").status == 200 and other.get("/api/users/me").status == 401


def test_the_last_admin_stays_one(server, anna):
    me, bert = anna.me()["id"], create(anna)
    refused = anna.put(f"/api/admin/users/{me}", {"isAdmin": False})
    assert refused.status == 400 and "admin" in refused.message
    assert change(anna, bert, isAdmin=True)["isAdmin"] is True
    his, _ = client.log_in(server, "bert@example.org")
    assert his.delete(f"/api/admin/users/{me}", {}).json()["status"] == "deleted"
    assert anna.get("/api/users/me").status == 401
    assert his.put(f"/api/admin/users/{bert}", {"isAdmin": False}).status == 400, "a deleted admin does not count"
    assert his.post(f"/api/admin/users/{me}/restore").json()["status"] == "active"
    again, _ = client.log_in(server)
    assert again.me()["isAdmin"] is True


def test_a_deleted_person_is_out_and_can_be_restored(server, anna):
    bert = create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    key, photo = client.api_key(his), his.store(media.jpeg("his"))
    gone = anna.delete(f"/api/admin/users/{bert}", {}).json()
    assert gone["status"] == "deleted" and gone["deletedAt"]
    for someone in (his, key):
        assert someone.get("/api/users/me").status == 401
        assert someone.upload(media.jpeg("more")).status == 401
    nobody = client.Client(server)
    assert nobody.post("/api/auth/login", {"email": "bert@example.org", "password": client.PASSWORD}).status == 401
    assert [user["id"] for user in anna.get("/api/users").json()] == [anna.me()["id"]]
    assert len(anna.get("/api/admin/users").json()) == 1
    assert len(anna.get("/api/admin/users?withDeleted=true").json()) == 2
    server.restart()
    anna.close()
    assert anna.post(f"/api/admin/users/{bert}/restore").json()["deletedAt"] is None
    key.close()
    assert key.original(photo).body == media.jpeg("his")
    assert client.log_in(server, "bert@example.org")[1].status == 201


def test_a_removed_person_s_files_go_to_quarantine(server, anna):
    """`force` skips the seven days, never the quarantine."""
    bert = create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    photos = {his.store(media.jpeg(f"his {index}")) for index in range(3)}
    album = his.post("/api/albums", {"albumName": "His", "assetIds": list(photos), "albumUsers": [
        {"userId": anna.me()["id"], "role": "viewer"}]}).json()["id"]
    hers = anna.store(media.jpeg("hers"))
    assert anna.get(f"/api/albums/{album}").json()["assetCount"] == 3
    assert anna.delete(f"/api/admin/users/{bert}", {"force": True}).json()["status"] == "removing"
    deadline = time.monotonic() + 20
    while anna.get(f"/api/admin/users/{bert}").status == 200:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    assert anna.get(f"/api/albums/{album}").status == 400
    assert anna.original(hers).status == 200
    quarantine = server.data / "quarantine"
    deadline = time.monotonic() + 20
    while len(found := [path.read_bytes() for path in quarantine.rglob("*.jpg")]) < 3:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    assert sorted(found) == sorted(media.jpeg(f"his {index}") for index in range(3))
    catalog.integrity(server.data)
    assert create(anna), "the address is free again"


def test_sessions(server, anna):
    others = [client.log_in(server)[0] for _ in range(2)]
    app = client.Client(server, User_Agent="immich-android/3.1.0", deviceModel="Pixel 8")
    login = app.post("/api/auth/login", {"email": "anna@example.org", "password": client.PASSWORD}).json()
    phone = client.Client(server, Authorization=f"Bearer {login['accessToken']}")
    listed = anna.get("/api/sessions").json()
    assert len(listed) == 4 and sum(session["current"] for session in listed) == 1
    known = next(session for session in listed if session["appVersion"] == "3.1.0")
    assert (known["deviceType"], known["deviceOS"]) == ("Android", "Pixel 8")
    assert anna.delete(f"/api/sessions/{known['id']}").status == 204
    assert anna.delete(f"/api/sessions/{known['id']}").status == 400
    assert phone.get("/api/users/me").status == 401
    create(anna)
    his, _ = client.log_in(server, "bert@example.org")
    (foreign,) = his.get("/api/sessions").json()
    assert anna.delete(f"/api/sessions/{foreign['id']}").status == 400
    assert anna.delete("/api/sessions").status == 204
    assert [session["current"] for session in anna.get("/api/sessions").json()] == [True]
    assert all(other.get("/api/users/me").status == 401 for other in others)
    assert his.get("/api/users/me").status == 200
    # A key is no login: none is spared, and none is marked.
    key = client.api_key(anna)
    assert [session["current"] for session in key.get("/api/sessions").json()] == [False]
    assert key.delete("/api/sessions").status == 204
    assert anna.get("/api/users/me").status == 401
