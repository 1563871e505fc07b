"""Every example of docs/api.md runs, as it stands there, against a real server.

`$URL` and `$KEY` are the server's address and an API key. Files that an example names (IMG_0001.jpg, film.mov …) lie in its
folder, each with bytes of its own. Each example is a script of its own: what it needs, it makes. A curl that is answered
with an error fails its example.
"""

import os
import re
import subprocess

import pytest
from harness import catalog, client, media
from harness.process import REPOSITORY, Nightstand, clean_environment

PAGE = REPOSITORY / "docs" / "api.md"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
FILE = re.compile(r"[\w-]+\.(?:jpe?g|png|heic|mov|mp4)\b", re.IGNORECASE)
# --fail-with-body shows what the server said; errexit holds in $(…) too.
PREAMBLE = """
set -euo pipefail
shopt -s inherit_errexit
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Nightstand(tmp_path_factory.mktemp("examples") / "data").start()
    client.sign_up(server)
    session, _ = client.log_in(server)
    server.key = client.api_key(session).fields["x_api_key"]
    session.close()
    yield server
    server.close()


def heading(example):
    """The heading that an example stands under."""
    before = PAGE.read_text().split(example)[0]
    return re.findall(r"^#+ (.+)$", before, re.M)[-1]


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=lambda number: heading(EXAMPLES[number]))
def test_an_example_runs(server, tmp_path, number):
    example = EXAMPLES[number]
    for name in set(FILE.findall(example)):
        data = media.bytes_for(name.lower(), f"example {number} {name}")
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        ["bash", "-c", PREAMBLE + example], cwd=tmp_path, capture_output=True, timeout=60, text=True,
        env=clean_environment() | {"URL": server.url, "KEY": server.key, "HOME": os.fspath(tmp_path)})
    assert done.returncode == 0, f"{example}\n--- said\n{done.stdout}\n{done.stderr}"
    catalog.inspect(server.data)


def test_each_door_has_an_example():
    everything = "\n".join(EXAMPLES)
    for door in ("Tus-Resumable: 1.0.0", "Upload-Concat: final", "Upload-Draft-Interop-Version", '"$URL/api/backup/assets', '"$URL/api/backup/uploads"',
                 '"$URL/api/assets"', '"$URL/api/assets/background"', '"$URL/api/upload"'):
        assert door in everything, f"no example for {door}"


def test_examples_leave_photos(server):
    """The examples together stored something: a curl that only looks as if it uploaded is no example."""
    assert len(catalog.rows(server.data)) >= 3
