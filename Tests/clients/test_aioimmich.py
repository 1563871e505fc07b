"""aioimmich, the library of Home Assistant: only those of its calls that the server serves today."""

import asyncio
import contextlib

import aiohttp
import pytest
from aioimmich import Immich
from aioimmich.exceptions import ImmichError, ImmichForbiddenError, ImmichUnauthorizedError

from harness import client, media
from harness.client import base64_sha1


@contextlib.asynccontextmanager
async def connected(server, key):
    ssl = server.tls.client_context() if server.tls else None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ssl) if ssl else None) as session:
        immich = Immich(session, key, "127.0.0.1", server.port, use_ssl=bool(server.tls), device_id="proof")
        await immich.async_setup()
        yield immich


def test_it_reads_the_facts_of_the_server(either):
    async def run():
        async with connected(either, either.key) as immich:
            version = await immich.server.async_get_version()
            assert (version.major, version.minor, version.patch) == (3, 1, 0)
            about = await immich.server.async_get_about_info()
            assert about.version == "v3.1.0"
            storage = await immich.server.async_get_storage_info()
            assert 0 < storage.disk_use_raw <= storage.disk_size_raw
            assert storage.disk_available_raw <= storage.disk_size_raw
            statistics = await immich.server.async_get_server_statistics()
            assert statistics.usage_by_user[0].user_name == "Anna"
            await immich.server.async_get_version_check()
            me = await immich.users.async_get_my_user()
            assert me.email == "anna@example.org" and me.is_admin

    asyncio.run(run())


def test_it_uploads_and_fills_an_album(server, admin, tmp_path):
    """Its uploads are chunked multipart with a boundary of hexadecimal digits and percent-encoded names."""
    album = admin.post("/api/albums", {"albumName": "Nachbarn"}).json()["id"]
    files = [tmp_path / name for name in ("garden gnome.jpg", "Tür.png")]
    for path in files:
        path.write_bytes(media.bytes_for(path.name, path.name))

    async def run():
        async with connected(server, admin.fields["x_api_key"]) as immich:
            results = [await immich.assets.async_upload_asset(str(path)) for path in files]
            assert [result.status for result in results] == ["created", "created"]
            again = await immich.assets.async_upload_asset(str(files[0]))
            assert (again.status, again.asset_id) == ("duplicate", results[0].asset_id)
            ids = [result.asset_id for result in results]
            added = await immich.albums.async_add_assets_to_album(album, ids)
            assert [(entry.asset_id, entry.success) for entry in added] == [(id, True) for id in ids]
            added = await immich.albums.async_add_assets_to_album(album, ids[:1])
            assert [(entry.success, entry.error) for entry in added] == [(False, "duplicate")]
            listed = await immich.albums.async_get_all_albums()
            assert [(entry.album_name, entry.asset_count) for entry in listed] == [("Nachbarn", 2)]
            assert (await immich.albums.async_get_album_info(album)).album_thumbnail_asset_id == ids[0]
            assert (await immich.albums.async_filter_albums_by_name("nach"))[0].album_id == album
            # The second ask may be answered 304 from its cache: it must be the same value.
            assert await immich.albums.async_get_all_albums() == listed
            return ids

    for path, asset in zip(files, asyncio.run(run())):
        assert admin.original(asset).body == path.read_bytes()
        assert admin.get(f"/api/assets/{asset}").json()["checksum"] == base64_sha1(path.read_bytes())
    assert admin.count() == 2


def test_it_understands_our_refusals(server, admin):
    """It indexes `message` and the correlation id of every error without asking whether they are there."""
    session = client.session(server)
    limited = client.api_key(session, "album.read").fields["x_api_key"]

    async def run(key, call, error):
        async with connected(server, key) as immich:
            with pytest.raises(error) as raised:
                await call(immich)
            assert "correlation_id" in str(raised.value)
            return str(raised.value)

    text = asyncio.run(run("no-such-key", lambda immich: immich.users.async_get_my_user(), ImmichUnauthorizedError))
    assert "Invalid API key" in text
    text = asyncio.run(run(limited, lambda immich: immich.server.async_get_about_info(), ImmichForbiddenError))
    assert "Missing required permission: server.about" in text
    unknown = "00000000-0000-4000-8000-000000000000"
    text = asyncio.run(
        run(admin.fields["x_api_key"], lambda immich: immich.albums.async_get_album_info(unknown), ImmichError))
    assert "Not found or no album.read access" in text


def test_it_finds_and_shows_what_is_there(server, admin):
    """What Home Assistant's media browser does; more than one page of a hundred, and every key that it indexes."""
    photos = [admin.store(media.jpeg(f"browse {number}"), f"{number}.jpg") for number in range(103)]
    film = admin.store(media.mp4("browse"), "film.mp4")
    album = admin.post("/api/albums", {"albumName": "A", "assetIds": [photos[0], film]}).json()["id"]
    admin.put("/api/assets", {"ids": photos[:2], "isFavorite": True})

    async def run():
        async with connected(server, admin.fields["x_api_key"]) as immich:
            found = await immich.search.async_get_all()
            assert {asset.asset_id for asset in found} == {*photos, film} and len(found) == 104
            favorites = await immich.search.async_get_all_favorites()
            assert {asset.asset_id for asset in favorites} == set(photos[:2])
            in_album = await immich.search.async_get_all_by_album_ids([album])
            assert {asset.asset_id for asset in in_album} == {photos[0], film}
            assert await immich.search.async_get_all_by_person_ids([album]) == []
            assert await immich.search.async_get_all_by_tag_ids([album]) == []
            assert await immich.search.async_search_persons("Anna") == []
            with pytest.raises(ImmichError, match="Smart search is not enabled"):
                await immich.search.async_smart_search("cats")
            # A redirect to the original, which every browser can show.
            assert await immich.assets.async_view_asset(photos[0], "fullsize") == media.jpeg("browse 0")
            stream = await immich.assets.async_play_video_stream(film)
            assert await stream.read() == media.mp4("browse")

    asyncio.run(run())
