"""The container image as an operator meets it: build, run, store a photo, stop, start, read the photo back."""

import hashlib
import os
import pathlib

import engines
import pytest
from harness import client, media
from harness.process import REPOSITORY, until

TAG = "nightstand-image-test"


@pytest.fixture(scope="session")
def engine():
    engine, reason = engines.choose()
    if engine is None:
        pytest.fail(reason, pytrace=False)
    print(f"\nBuilding the image with {engine.name}; the first time takes minutes.", flush=True)
    engine.build(REPOSITORY, TAG)
    return engine


@pytest.fixture
def data(tmp_path):
    """A folder that belongs to the image's user, as a named volume would."""
    folder = tmp_path / "data"
    folder.mkdir()
    give(folder, 1000)
    return folder


def give(folder, user):
    if os.geteuid() == 0:
        os.chown(folder, user, user)
    else:
        folder.chmod(0o777)


def user_of(pid):
    """The effective user id of a process."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["Uid"].split()[1])


def await_health(engine, container):
    until(lambda: engine.healthy(container), engines.START_LIMIT, "health")


def test_a_photo_outlives_the_container(engine, data):
    photo = media.jpeg("image")
    with engine.running(TAG, data) as container:
        await_health(engine, container)
        assert user_of(container.pid) == 1000
        client.sign_up(container)
        admin, _ = client.log_in(container)
        asset = admin.store(photo, "image test.jpg")
        admin.close()
        assert engine.stop(container) == 0

    with engine.running(TAG, data) as container:
        await_health(engine, container)
        admin, _ = client.log_in(container)
        answer = admin.original(asset)
        assert answer.status == 200
        assert hashlib.sha1(answer.body).digest() == hashlib.sha1(photo).digest()
        admin.close()
        assert engine.stop(container) == 0


def test_the_commands_find_the_same_data(engine, data):
    """`docker exec … nightstand user list` needs no options."""
    with engine.running(TAG, data) as container:
        await_health(engine, container)
        client.sign_up(container)
        assert "anna@example.org" in engine.execute(container, "nightstand", "user", "list")
        assert engine.stop(container) == 0


def test_it_runs_as_the_owner_of_a_mounted_folder(engine, data):
    """A NAS mounts a folder of its own user: --user takes that one."""
    give(data, 4321)
    with engine.running(TAG, data, user="4321:4321") as container:
        await_health(engine, container)
        assert user_of(container.pid) == 4321
        client.sign_up(container)
        assert engine.stop(container) == 0


def test_the_page_and_what_the_image_declares(engine, data):
    declared = engine.configuration(TAG)
    assert declared["User"] == "1000:1000"
    assert "/data" in declared["Volumes"] and "2283/tcp" in declared["ExposedPorts"]
    assert declared["StopSignal"] in ("SIGTERM", "15")
    with engine.running(TAG, data) as container:
        await_health(engine, container)
        page = client.Client(container).get("/", checked=False)
        assert page.status == 200 and b"<title>Nightstand</title>" in page.body
        assert engine.stop(container) == 0
