"""Resumable uploads by hand: curl, an interruption, HEAD, and on with the rest."""

import json
import re
import shutil
import subprocess

import pytest

from harness import media
from harness.draft import RAW, RESOURCE, stored
from harness.wire import Answer

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")

DRAFT = ("-H", "Upload-Draft-Interop-Version: 8")


def curl(server, target, *words, body=None, succeeds=True) -> Answer:
    """Runs curl with the server's key; all answers that it saw, the interim ones too."""
    command = ["curl", "--silent", "--show-error", "--include", "-H", f"x-api-key: {server.key}", "--expect100-timeout", "60"]
    if server.tls:
        command += ["--cacert", str(server.tls.certificate)]
    done = subprocess.run(
        [*command, *map(str, words), server.url + target], input=body, capture_output=True, timeout=60)
    if succeeds:
        assert done.returncode == 0, done.stderr.decode()
    else:
        assert done.returncode == 28, f"not a time-out: {done.returncode} {done.stderr.decode()}"
    seen, rest = [], done.stdout
    while match := re.match(rb"HTTP/(1\.[01]) (\d{3}) ?([^\r]*)\r\n((?:[^\r\n]+\r\n)*)\r\n", rest):
        fields = [tuple(line.decode("latin-1").split(": ", 1)) for line in match[4].split(b"\r\n") if b": " in line]
        seen.append(Answer(int(match[2]), fields, b"", f"HTTP/{match[1].decode()}", match[3].decode()))
        rest = rest[match.end():]
        if seen[-1].status >= 200:
            break
    if not seen or seen[-1].status < 200:
        assert not succeeds, done.stdout
        return Answer(0, [], b"", informational=seen)
    last = seen.pop()
    return Answer(last.status, last.fields, rest, last.version, last.reason, informational=seen)


@pytest.fixture
def photo(tmp_path, seed):
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(media.jpeg(seed, edge=400))
    return path


def kept(server, answer, path):
    assert answer.status in (200, 201), answer
    return stored(server, json.loads(answer.body)["id"], path.read_bytes())


def test_creation_shows_a_104_and_the_final_answer(either, photo):
    answer = curl(either, RESOURCE, *DRAFT, "-H", "Upload-Complete: ?1", "-H", "Content-Type: image/jpeg", "-H", "Expect:",
                  "--data-binary", f"@{photo}")
    assert answer.interim == [104]
    assert answer.informational[0].reason == "Upload Resumption Supported"
    assert answer.informational[0].header("Location").startswith(RESOURCE + "/")
    kept(either, answer, photo)
    again = curl(either, RESOURCE, *DRAFT, "-H", "Upload-Complete: ?1", "-H", "Expect:", "--data-binary", f"@{photo}")
    assert again.status == 200 and json.loads(again.body)["status"] == "duplicate"


@pytest.mark.parametrize("way", [["--data-binary", "@-"], ["-T", "-"]], ids=["with a length", "chunked"])
def test_interrupted_and_continued(either, tmp_path, seed, way):
    """Cut by curl's own clock in the middle; HEAD says where to go on; the rest is piped in."""
    film = tmp_path / "film.mov"
    film.write_bytes(media.mov(seed, 3_000_000))
    cut = curl(either, RAW, *DRAFT, "-X", "PUT", "-H", "Upload-Complete: ?1", "-H", "Expect:", "-T", film,
               "--limit-rate", "600k", "--max-time", "1.5", succeeds=False)
    assert cut.interim == [104]
    location = cut.informational[0].header("Location")
    answer = curl(either, location, "-I")
    assert answer.status in (200, 204) and answer.header("Upload-Complete") == "?0", answer
    stands = int(answer.header("Upload-Offset"))
    assert 0 < stands < 3_000_000, "curl limits the rate after a first burst"
    rest = film.read_bytes()[stands:]
    answer = curl(either, location, *DRAFT, "-X", "PATCH", "-H", f"Upload-Offset: {stands}", "-H", "Upload-Complete: ?1",
                  "-H", "Content-Type: application/partial-upload", "-H", "Expect:", *way, body=rest)
    assert answer.header("Upload-Complete") == "?1"
    kept(either, answer, film)


@pytest.mark.parametrize("way", [["-T", "{}"], ["--data-binary", "@{}"]], ids=["put", "post"])
def test_http_1_0_never_gets_a_1xx(either, photo, way):
    answer = curl(either, RAW, "--http1.0", *DRAFT, "-H", "Upload-Complete: ?1", *(word.format(photo) for word in way))
    assert answer.interim == []
    kept(either, answer, photo)


def test_expect_100_continue(either, photo):
    answer = curl(either, RESOURCE, *DRAFT, "-H", "Upload-Complete: ?1", "-H", "Expect: 100-continue", "--data-binary", f"@{photo}")
    assert sorted(answer.interim) == [100, 104]
    kept(either, answer, photo)


def test_expect_100_continue_is_refused_without_the_body(either, photo):
    answer = curl(either, RAW + "?isFavorite=perhaps", "-H", "Expect: 100-continue", "-T", photo)
    assert answer.interim == []
    assert answer.status == 400


def test_put_a_file(either, photo):
    """The shortest way in: no form, no type, no name."""
    answer = curl(either, RAW, "-T", photo)
    assert 104 not in answer.interim
    assert kept(either, answer, photo)["originalMimeType"] == "image/jpeg"
    assert answer.header("X-Asset-Status") == "created"


def test_put_from_a_pipe_is_chunked(either, photo):
    kept(either, curl(either, RAW, "-T", "-", body=photo.read_bytes()), photo)


def test_post_a_file_with_a_name(either, photo):
    answer = curl(either, RAW + "?filename=Strand.jpg", "-H", "Content-Type:", "--data-binary", f"@{photo}")
    assert kept(either, answer, photo)["originalFileName"] == "Strand.jpg"
