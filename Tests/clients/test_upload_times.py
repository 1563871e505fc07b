"""What time does to uploads: how long an answer is replayed, how long an unfinished upload waits, how long its end is known.

Days pass behind the stopped server's back: every time in the rows of its uploads moves into the past.
"""

import calendar
import time

import pytest

from harness import catalog, client, media
from harness.draft import RAW, VERSIONS, Draft, limits, path
from harness.transfer import RESUMABLE, Transfer
from harness.tus import Tus

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.fixture
def house(launch):
    server = launch(founded=True)
    session = client.session(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    return server


def later(server, seconds):
    """The server is stopped, `seconds` pass, and it is started again."""
    server.stop()
    with catalog.opened(server.data, write=True) as database:
        database.execute(
            "UPDATE upload SET created_at = created_at - ?1, active_at = active_at - ?1, expires_at = expires_at - ?1", [seconds * 1000])
    server.start()


def test_an_answer_is_replayed_for_24_hours(house):
    """By every door, over restarts; then it is forgotten, and the photo is not."""
    sent = [Transfer(door, media.mov(f"replayed {door}", 50_000), "kept.mov", house.key, seed=door) for door in RESUMABLE]
    for transfer in sent:
        transfer.go(house)
        assert transfer.replayed(house)
    later(house, DAY - 2 * MINUTE)
    for transfer in sent:
        assert transfer.replayed(house)
    later(house, 3 * MINUTE)
    for transfer in sent:
        speaker = Draft(house, house.key)
        assert speaker.look(transfer.location).status == 404
        assert speaker.append(transfer.location, transfer.length).status == 404
        transfer.stored(house)
    assert len(catalog.inspect(house.data)) == len(sent)


def test_a_failure_is_replayed_for_24_hours(house):
    tus, text = Tus(house, house.key), b"this is text and no photo\n" * 40
    url = tus.create(len(text))
    first = tus.append(url, 0, text)
    later(house, DAY - 2 * MINUTE)
    for again in (tus.append(url, len(text)), tus.status(url)):
        assert (again.status, again.header("X-Asset-Error")) == (first.status, "unsupported_type"), again
    later(house, 3 * MINUTE)
    assert tus.status(url).status == 404


@pytest.mark.parametrize("dialect", ["tus", "draft"])
def test_an_unfinished_upload_waits_7_days_from_its_last_byte(house, dialect):
    """After that it is gone (410), with its bytes, and after 7 days more nobody knows of it (404)."""
    data = media.mov(f"waits {dialect}", 30_000)
    tus, draft = Tus(house, house.key), Draft(house, house.key)
    location = tus.create(len(data)) if dialect == "tus" else draft.begun(b"", length=len(data))
    more = ((lambda start, end: tus.append(location, start, data[start:end])) if dialect == "tus"
            else (lambda start, end: draft.append(location, start, data[start:end], complete=False)))
    assert more(0, 10_000).status in (201, 204)
    later(house, 6 * DAY)
    # A look does not prolong it, a byte does.
    assert tus.offset(location) == 10_000
    assert limits(draft.look(location))["max-age"] <= DAY
    assert more(10_000, 10_001).status in (201, 204)
    assert limits(draft.look(location))["max-age"] > 6 * DAY
    later(house, 7 * DAY - 2 * MINUTE)
    assert tus.offset(location) == 10_001
    later(house, 3 * MINUTE)
    for answer in (tus.status(location), tus.append(location, 10_001, data[10_001:]), tus.delete(location),
                   draft.look(location), draft.append(location, 10_001, data[10_001:]), draft.cancel(location)):
        assert answer.status == 410 and answer.header("upload-offset") is None, answer
    assert catalog.staged(house.data) == [] and tus.open_uploads() == []
    later(house, 7 * DAY + 2 * MINUTE)
    assert tus.status(location).status == draft.look(location).status == 404
    assert catalog.rows(house.data) == []


def test_what_was_cancelled_is_gone_for_7_days(house):
    tus = Tus(house, house.key)
    url = tus.create(1000)
    assert tus.delete(url).status == 204
    for answer in (tus.status(url), tus.append(url, 0, b"x"), tus.delete(url)):
        assert answer.status == 410, answer
    later(house, 7 * DAY - 2 * MINUTE)
    assert tus.status(url).status == 410
    later(house, 3 * MINUTE)
    assert tus.status(url).status == 404


def test_R26_the_time_that_is_left_counts_down(house):
    uploads = [(speaker, speaker.begun(b"x")) for speaker in (Draft(house, house.key, version) for version in VERSIONS)]
    later(house, 5 * HOUR)
    for speaker, location in uploads:
        left = limits(speaker.look(location))
        if speaker.version >= 6:
            left = left["expires" if speaker.version == 6 else "max-age"]
            assert 7 * DAY - 5 * HOUR - 2 * MINUTE <= left <= 7 * DAY - 5 * HOUR, left


def test_the_list_says_age_bytes_and_device(house):
    session, _ = client.log_in(house)
    key = client.api_key(session, name="Anna's laptop").fields["x_api_key"]
    session.close()
    began = time.time()
    location = path(Draft(house, key).create(b"x" * 777, "Content-Disposition: inline; filename=\"list.mov\"", complete=False, length=9999,
                                             target=RAW).header("Location"))
    later(house, 3 * HOUR)
    listed, = Tus(house, house.key).open_uploads()
    assert (listed["location"], listed["offset"], listed["length"]) == (location, 777, 9999)
    assert (listed["device"], listed["name"], listed["isReceiving"], listed["state"]) == ("Anna's laptop", "list.mov", False, "open")
    for field, seconds in (("createdAt", -3 * HOUR), ("activeAt", -3 * HOUR), ("expiresAt", 7 * DAY - 3 * HOUR)):
        said = time.strptime(listed[field].split(".")[0] + "Z", "%Y-%m-%dT%H:%M:%SZ")
        assert abs(calendar.timegm(said) - (began + seconds)) < 2 * MINUTE, (field, listed[field])
