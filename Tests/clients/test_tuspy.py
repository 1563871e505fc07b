"""tuspy from PyPI, unmodified: every way it knows to upload ends as one photo with the right digest."""

import asyncio
import io
import urllib.parse

import pytest
from tusclient import client as tus_client
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage import filestorage

from harness import chaos, media
from harness.client import Client
from harness.tus import RESOURCE, Tus, holds_one

SIZE = 5_300_007
ADDRESSES = [RESOURCE, f"{RESOURCE}/"]


@pytest.fixture
def tuspy(plain_server):
    return tus_client.TusClient(plain_server.url + RESOURCE, headers={"x-api-key": plain_server.key})


@pytest.fixture
def data(request):
    return media.mov(f"tuspy {request.node.name}", SIZE)


@pytest.fixture
def path(tmp_path, data):
    file = tmp_path / "video.mov"
    file.write_bytes(data)
    return str(file)


@pytest.mark.parametrize("address", ADDRESSES)
def test_in_chunks(tuspy, plain_server, resident, path, data, address):
    tuspy.url = plain_server.url + address
    tuspy.uploader(path, chunk_size=1_000_000, metadata={"filename": "video.mov"}).upload()
    asset = holds_one(resident, data)
    assert resident.get(f"/api/assets/{asset}").json()["originalFileName"] == "video.mov"


def test_in_one_patch(tuspy, resident, path, data):
    uploader = tuspy.uploader(path)
    uploader.upload()
    assert uploader.offset == len(data)
    # What the last answer said of the result.
    assert uploader.request.response_headers["x-asset-id"] == holds_one(resident, data)


@pytest.mark.parametrize("chunk", [1_000_000, 10**9])
def test_with_a_checksum_per_chunk(tuspy, resident, path, data, chunk):
    tuspy.uploader(path, chunk_size=chunk, upload_checksum=True).upload()
    holds_one(resident, data)


def test_a_chunk_that_is_not_what_its_checksum_says(tuspy, resident, path, data):
    uploader = tuspy.uploader(path, chunk_size=1_000_000, upload_checksum=True)
    uploader.upload(stop_at=1_000_000)

    class Liar:
        def __init__(self, chunk):
            self.chunk = chunk

        def digest(self):
            return bytes(20)

    honest = uploader._BaseUploader__checksum_algorithm
    uploader._BaseUploader__checksum_algorithm = Liar
    with pytest.raises(TusUploadFailed) as failure:
        uploader.upload()
    assert failure.value.status_code == 460
    uploader._BaseUploader__checksum_algorithm = honest
    assert uploader.get_offset() == 1_000_000
    uploader.upload()
    holds_one(resident, data)


def test_stopped_and_gone_on_by_another_uploader(tuspy, resident, path, data):
    first = tuspy.uploader(path, chunk_size=900_000)
    first.upload(stop_at=2_000_000)
    assert first.offset == 2_000_000
    second = tuspy.uploader(path, chunk_size=700_000, url=first.url)
    assert second.offset == 2_000_000, "HEAD says where it stands"
    second.upload(stop_at=4_000_001)
    tuspy.uploader(path, url=first.url, upload_checksum=True).upload()
    holds_one(resident, data)


def test_gone_on_after_a_restart_of_the_server(launch, tmp_path, path, data):
    from harness import client
    server = launch(founded=True)
    someone = client.api_key(client.session(server))
    tuspy = tus_client.TusClient(server.url + RESOURCE, headers={"x-api-key": someone.fields["x_api_key"]})
    storage = filestorage.FileStorage(str(tmp_path / "addresses.json"))
    uploader = tuspy.uploader(path, chunk_size=1_000_000, store_url=True, url_storage=storage)
    uploader.upload(stop_at=3_000_000)
    address = urllib.parse.urlsplit(uploader.url).path
    someone.close()
    server.kill()
    server.start()
    again = tuspy.uploader(path, chunk_size=1_000_000, url=server.url + address)
    assert again.offset == 3_000_000
    again.upload()
    storage.close()
    holds_one(someone, data)


def test_gone_on_by_an_uploader_that_remembers_the_address_by_itself(tuspy, resident, tmp_path, path, data):
    """store_url: tuspy writes the address down under the file's fingerprint, and finds it there the next time."""
    storage = filestorage.FileStorage(str(tmp_path / "addresses.json"))
    first = tuspy.uploader(path, chunk_size=1_000_000, store_url=True, url_storage=storage)
    first.upload(stop_at=2_000_000)
    second = tuspy.uploader(path, chunk_size=1_000_000, store_url=True, url_storage=storage)
    assert (second.url, second.offset) == (first.url, 2_000_000)
    second.upload()
    storage.close()
    holds_one(resident, data)


def test_chunk_by_chunk(tuspy, resident, path, data):
    uploader = tuspy.uploader(path, chunk_size=2_000_000)
    for offset in (2_000_000, 4_000_000, len(data)):
        uploader.upload_chunk()
        assert uploader.offset == uploader.get_offset() == offset
    holds_one(resident, data)


def test_tried_again_after_a_broken_connection(plain_server, resident, path, data):
    """retries: the network resets three of its requests in the middle; tuspy asks for the offset and goes on."""
    with chaos.Chaos(plain_server.port) as proxy:
        tuspy = tus_client.TusClient(f"http://127.0.0.1:{proxy.port}{RESOURCE}", headers={"x-api-key": plain_server.key})
        uploader = tuspy.uploader(path, chunk_size=1_000_000, retries=5, retry_delay=0)
        uploader.upload(stop_at=1_000_000)
        # Of the connections to come: a HEAD has no body and passes whatever plan it takes.
        for cut in (300_000, None, 1, None, 700_000):
            proxy.plan(cut, chaos.RESET)
        uploader.upload()
        assert proxy.cuts >= 2
    holds_one(resident, data)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_over_tls(tls_server, path, data, asynchronous):
    """Its certificate is the server's own, which tuspy is told not to ask about."""
    tuspy = tus_client.TusClient(tls_server.url + RESOURCE, headers={"x-api-key": tls_server.key})
    make = tuspy.async_uploader if asynchronous else tuspy.uploader
    uploader = make(path, chunk_size=1_000_000, upload_checksum=True, verify_tls_cert=False)
    if asynchronous:
        asyncio.run(uploader.upload())
    else:
        uploader.upload()
    someone = Client(tls_server, x_api_key=tls_server.key)
    holds_one(someone, data)
    someone.close()


@pytest.mark.parametrize("chunk", [1_000_000, 10**9])
def test_async(tuspy, resident, path, data, chunk):
    async def run():
        uploader = tuspy.async_uploader(path, chunk_size=chunk, upload_checksum=True, metadata={"filename": "async.mov"})
        await uploader.upload()

    asyncio.run(run())
    holds_one(resident, data)


def test_several_at_once(tuspy, resident, tmp_path):
    photos = [media.mov(f"tuspy at once {index}", 1_000_003) for index in range(8)]

    async def one(data):
        await tuspy.async_uploader(file_stream=io.BytesIO(data), chunk_size=200_000).upload()

    async def run():
        await asyncio.gather(*map(one, photos))

    asyncio.run(run())
    for data in photos:
        holds_one(resident, data)


def test_metadata_of_all_tongues(tuspy, resident, path, data):
    name = "Grün 日本の写真 🌅 e\u0301.mov"
    uploader = tuspy.uploader(path, metadata={
        "filename": name, "filetype": "video/quicktime", "groesse": "groß", "note": "a, b; c\r\nd"})
    uploader.upload()
    asset = holds_one(resident, data)
    assert resident.get(f"/api/assets/{asset}").json()["originalFileName"] == name


def test_deferred_length(tuspy, plain_server, resident, path, data):
    """tuspy always knows the length when it creates; it goes on with an upload whose length came later all the same."""
    tus = Tus(plain_server, plain_server.key)
    address = tus.create(Upload_Defer_Length=1)
    tuspy.uploader(path, url=plain_server.url + address, chunk_size=1_000_000).upload(stop_at=len(data))
    answer = tus.append(address, len(data), b"", Upload_Length=len(data))
    assert answer.status == 204 and answer.header("x-asset-id") == holds_one(resident, data)


def test_a_small_photo(tuspy, resident):
    data = media.jpeg("tuspy small")
    tuspy.uploader(file_stream=io.BytesIO(data), metadata={"filename": "small.jpg"}).upload()
    holds_one(resident, data)


def test_an_empty_file_is_refused_with_an_error(tuspy):
    with pytest.raises(TusCommunicationError) as failure:
        tuspy.uploader(file_stream=io.BytesIO(b"")).upload()
    assert failure.value.status_code == 400


def test_an_address_that_is_no_upload(tuspy, plain_server, path):
    with pytest.raises(TusCommunicationError) as failure:
        tuspy.uploader(path, url=f"{plain_server.url}{RESOURCE}/{'B' * 43}")
    assert failure.value.status_code in (404, 410)
