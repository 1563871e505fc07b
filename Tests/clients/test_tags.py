"""Tags: trees by path, on one's own photos, found by search and timeline, and nobody else's business."""

import pytest

from harness import client, media

NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def home(server, add_user):
    anna, _ = client.log_in(server)
    yield anna, add_user(server)
    anna.close()


def values(user):
    return [tag["value"] for tag in user.get("/api/tags").json()]


def found(user, **filters):
    return {asset["id"] for asset in user.post("/api/search/metadata", filters).json()["assets"]["items"]}


def test_immich_go_tags_what_it_uploads(home, seed):
    """`immich-go upload --tag`: upsert by path, then the assets by the answer's id."""
    anna, bert = home
    asset = anna.store(media.jpeg(seed))
    tags = anna.put("/api/tags", {"tags": ["Travel/Italy", "{immich-go}", "/Travel//Italy/", "Travel"]}).json()
    assert [(tag["name"], tag["value"]) for tag in tags] == [
        ("Italy", "Travel/Italy"), ("{immich-go}", "{immich-go}"), ("Travel", "Travel")]
    italy, _, travel = tags
    assert italy["parentId"] == travel["id"] and "parentId" not in travel
    assert anna.put("/api/tags", {"tags": ["Travel/Italy"]}).json() == [italy], "the same one again"
    change = anna.put(f"/api/tags/{italy['id']}/assets", {"ids": [asset, asset, NOBODY]}).json()
    assert [(one["success"], one.get("error")) for one in change] == [
        (True, None), (False, "duplicate"), (False, "no_permission")]
    assert [tag["value"] for tag in anna.get(f"/api/assets/{asset}").json()["tags"]] == ["Travel/Italy"]
    assert values(anna) == ["Travel", "Travel/Italy", "{immich-go}"] and values(bert) == []


def test_searches_and_the_timeline_go_by_tags(home, seed):
    anna, bert = home
    plain, italian, roman = (anna.store(media.jpeg(seed + str(number))) for number in range(3))
    travel, italy, rome = anna.put("/api/tags", {"tags": ["Travel", "Travel/Italy", "Travel/Italy/Rome"]}).json()
    anna.put(f"/api/tags/{italy['id']}/assets", {"ids": [italian]})
    assert anna.put("/api/tags/assets", {"tagIds": [rome["id"], italy["id"], NOBODY], "assetIds": [roman, NOBODY]}
                    ).json() == {"count": 2}
    assert found(anna, tagIds=[travel["id"]]) == found(anna, tagIds=[italy["id"]]) == {italian, roman}
    assert found(anna, tagIds=[rome["id"], travel["id"]]) == {roman}
    assert found(anna, tagIds=None) == {plain} and found(anna, tagIds=[]) == {plain, italian, roman}
    assert found(anna, tagIds=[NOBODY]) == found(bert, tagIds=[travel["id"]]) == set()
    assert anna.post("/api/search/statistics", {"tagIds": [travel["id"]]}).json() == {"total": 2}
    buckets = anna.get(f"/api/timeline/buckets?tagId={travel['id']}").json()
    assert sum(bucket["count"] for bucket in buckets) == 2
    month = anna.get(f"/api/timeline/bucket?tagId={travel['id']}&timeBucket={buckets[0]['timeBucket']}").json()
    assert set(month["id"]) == {italian, roman}
    page = anna.post("/api/search/metadata", {"tagIds": [travel["id"]]}).json()["assets"]
    assert page["total"] == 2
    assert {tag["value"] for asset in page["items"] for tag in asset["tags"]} == {"Travel/Italy", "Travel/Italy/Rome"}
    gone = anna.delete(f"/api/tags/{italy['id']}/assets", {"ids": [italian, plain]}).json()
    assert [one.get("error") for one in gone] == [None, "not_found"]
    assert found(anna, tagIds=[travel["id"]]) == {roman}


def test_a_tag_is_made_coloured_and_deleted_with_what_is_below(home, seed):
    anna, _ = home
    asset = anna.store(media.jpeg(seed))
    top = anna.post("/api/tags", {"name": "Top", "color": "FF0000"})
    assert top.status == 201 and top.json()["color"] == "#FF0000"
    top = top.json()["id"]
    below = anna.post("/api/tags", {"name": "Below", "parentId": top}).json()
    assert below["value"] == "Top/Below" and "color" not in below
    again = anna.post("/api/tags", {"name": "Below", "parentId": top})
    assert again.status == 400 and "already exists" in again.message
    assert anna.put(f"/api/tags/{top}", {"color": "#0f0"}).json()["color"] == "#0f0"
    assert "color" not in anna.put(f"/api/tags/{top}", {"color": None}).json()
    for wrong in ({"name": "a/b"}, {"name": ""}, {"name": "x\0y"}, {"name": "x" * 1001},
                  {"name": "c", "color": "red"}, {"name": "p", "parentId": NOBODY}):
        assert anna.post("/api/tags", wrong).status == 400, wrong
    assert anna.put("/api/tags", {"tags": ["/".join("d" * 40)]}).status == 400
    anna.put(f"/api/tags/{below['id']}/assets", {"ids": [asset]})
    assert anna.delete(f"/api/tags/{top}").status == 204
    assert values(anna) == []
    assert anna.get(f"/api/assets/{asset}").json()["tags"] == []
    assert anna.delete(f"/api/tags/{top}").status == 400


def test_two_users_never_meet_in_a_tag(home, seed):
    anna, bert = home
    hers, his = anna.store(media.jpeg(seed)), bert.store(media.jpeg(seed + "b"))
    tag = anna.put("/api/tags", {"tags": ["Family"]}).json()[0]["id"]
    own = bert.put("/api/tags", {"tags": ["Family"]}).json()[0]["id"]
    assert tag != own
    for method, path, body in [
            ("GET", "", None), ("PUT", "", {"color": "#fff"}), ("DELETE", "", None),
            ("PUT", "/assets", {"ids": [his]}), ("DELETE", "/assets", {"ids": [his]})]:
        assert bert.request(method, f"/api/tags/{tag}{path}", json_body=body).status == 400, (method, path)
    assert bert.put(f"/api/tags/{own}/assets", {"ids": [hers]}).json()[0]["error"] == "no_permission"
    assert bert.put("/api/tags/assets", {"tagIds": [tag, own], "assetIds": [his, hers]}).json() == {"count": 1}
    # A shared album shows the photo, not what its owner calls it.
    anna.put(f"/api/tags/{tag}/assets", {"ids": [hers]})
    album = anna.post("/api/albums", {"albumName": "A", "assetIds": [hers],
                                      "albumUsers": [{"userId": bert.me()["id"], "role": "viewer"}]}).json()["id"]
    assert album and bert.get(f"/api/assets/{hers}").json()["tags"] == []
    assert anna.get(f"/api/assets/{hers}").json()["tags"][0]["value"] == "Family"
    # Deleting the photo frees the tag of it.
    assert anna.delete("/api/assets", {"ids": [hers], "force": True}).status == 204
    assert found(anna, tagIds=[tag]) == set() and values(anna) == ["Family"]
