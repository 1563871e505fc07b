"""Servers for the tests: fresh ones, shared ones, plain and TLS. Each ends only what it started."""

import itertools
import shutil

import pytest

from harness import client, draft, process


class Founded:
    """A folder in which Anna, the admin, signed up and logged in once. To hash a password takes half a second, and most tests are about something else."""

    def __init__(self, folder):
        self.data = folder / "data"
        server = process.Nightstand(self.data).start()
        try:
            client.sign_up(server)
            session, _ = client.log_in(server)
            self.session = session.fields
            session.close()
            server.stop()
        finally:
            server.close()

    def settle(self, server):
        """Puts a copy below a server that was not started yet; `client.session(server)` is her login."""
        shutil.copytree(self.data, server.data, dirs_exist_ok=True)
        server.session = self.session


@pytest.fixture(scope="session")
def founded(tmp_path_factory):
    return Founded(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def launch(tmp_path, request):
    """Makes servers: `launch("--option", "value", tls=…, ready=True, data=…)`; all are gone after the test.

    With `founded=True` anna@example.org is there and logged in, else nobody.
    """
    made, numbers = [], itertools.count()

    def make(*options, ready=True, data=None, founded=False, **settings):
        server = process.Nightstand(data or tmp_path / f"data{next(numbers)}", *options, **settings)
        if founded:
            request.getfixturevalue("founded").settle(server)
        made.append(server)
        return server.start() if ready else server

    yield make
    for server in made:
        server.close()


@pytest.fixture
def server(launch):
    """A fresh server with an admin, anna@example.org, who is logged in."""
    return launch(founded=True)


@pytest.fixture
def admin(server):
    """The admin's API key with every permission, on the fresh server."""
    session = client.session(server)
    key = client.api_key(session)
    session.close()
    yield key
    key.close()


def _household(tmp_path_factory, name, tls=False):
    folder = tmp_path_factory.mktemp(name)
    server = process.Nightstand(folder / "data", tls=process.Certificate(folder) if tls else None).start()
    client.sign_up(server)
    session, _ = client.log_in(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    return server


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory):
    """A server that many tests share: they leave nothing behind that another could stumble over."""
    server = _household(tmp_path_factory, "plain")
    yield server
    server.close()


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory):
    """The same over TLS."""
    server = _household(tmp_path_factory, "tls", tls=True)
    yield server
    server.close()


@pytest.fixture(params=["plain", "tls"])
def either(request):
    """A shared server, once plain and once over TLS; its admin's key is `either.key`."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def someone(either):
    """The shared server's admin, by API key."""
    made = client.Client(either, x_api_key=either.key)
    yield made
    made.close()


@pytest.fixture
def resident(plain_server):
    """The admin of the shared plain server, by API key."""
    made = client.Client(plain_server, x_api_key=plain_server.key)
    yield made
    made.close()


@pytest.fixture
def add_user(tmp_path):
    """Creates a second user on a server through the command line, and logs in as them."""

    def add(server, email="bert@example.org", password=client.PASSWORD):
        secret = tmp_path / "password"
        secret.write_text(password + "\n")
        server.command("user", "add", email, "--password-file", secret)
        return client.log_in(server, email, password)[0]

    return add


@pytest.fixture(params=draft.VERSIONS, ids=lambda version: f"v{version}")
def speaker(request, plain_server):
    """A client of one interop version of the IETF draft, at an address of its own."""
    return draft.Draft(plain_server, plain_server.key, request.param)


@pytest.fixture
def seed(request):
    """Bytes made of this differ from every other test's."""
    return request.node.name
