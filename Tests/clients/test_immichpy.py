"""immichpy, a generated client with strict models, backs up a folder twice."""

import asyncio
import hashlib
import urllib.parse

from immichpy import AsyncClient

from harness import catalog, media
from harness.client import base64_sha1


def back_up(server, key, folder, album):
    async def run():
        async with AsyncClient(api_key=key, base_url=server.url) as client:
            return await client.assets.upload([folder], album_name=album, show_progress=False)

    return asyncio.run(run())


def test_a_folder_comes_over_whole_and_a_second_run_uploads_nothing(server, admin, tmp_path):
    folder = tmp_path / "camera roll"
    files = media.folder(folder)
    for path, data in media.real_files():
        copy = folder / "real" / f"{len(files)} {path.name}"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(data)
        files[copy] = data
    # Two names, one photo: only the first of equal bytes becomes an asset, whichever comes first.
    distinct = {hashlib.sha1(data).digest() for data in files.values()}

    first = back_up(server, admin.fields["x_api_key"], folder, "Sommer 🌞 2024")
    assert not first.failed, first.failed
    assert {entry.filepath for entry in first.uploaded} | {entry.filepath for entry in first.rejected} == set(files)
    assert len(first.uploaded) == len(distinct) == admin.count()

    second = back_up(server, admin.fields["x_api_key"], folder, "Sommer 🌞 2024")
    assert second.stats.uploaded == 0 and second.stats.failed == 0, second
    assert second.stats.rejected == len(files)
    assert {entry.reason for entry in second.rejected} == {"duplicate"}
    assert admin.count() == len(distinct), "the second run added assets"

    by_path = {entry.filepath: str(entry.asset.id) for entry in first.uploaded}
    for path, asset in by_path.items():
        assert hashlib.sha1(admin.original(asset).body).digest() == hashlib.sha1(files[path]).digest(), path
        facts = admin.get(f"/api/assets/{asset}").json()
        assert facts["checksum"] == base64_sha1(files[path])
        assert facts["originalFileName"] in (path.name, urllib.parse.quote(path.name)), "neither decoded nor literal"
    assert {str(entry.asset_id) for entry in second.rejected} == set(by_path.values())

    albums = admin.get("/api/albums").json()
    assert [(album["albumName"], album["assetCount"]) for album in albums] == [("Sommer 🌞 2024", len(distinct))]
    assert len(catalog.inspect(server.data)) == len(distinct)
    catalog.sums_hold(server.data)


def test_a_download_keeps_bytes_and_name(server, admin, tmp_path):
    data = media.jpeg("download")
    asset = admin.store(data, "Grün & Öl.jpg")

    async def run():
        async with AsyncClient(api_key=admin.fields["x_api_key"], base_url=server.url) as client:
            return await client.assets.download_asset_to_file(asset, tmp_path / "out")

    path = asyncio.run(run())
    assert path.read_bytes() == data
    assert path.name == "Grün & Öl.jpg"


def test_its_typed_calls_accept_our_answers(server, admin):
    """Every model is checked by pydantic: a missing key or an id that is not a version 4 UUID raises."""

    async def run():
        async with AsyncClient(api_key=admin.fields["x_api_key"], base_url=server.url) as client:
            me = await client.users.get_my_user()
            await client.users.get_my_preferences()
            assert (await client.api_keys.get_my_api_key()).permissions
            assert (await client.server.ping_server()).res == "pong"
            version = await client.server.get_server_version()
            assert (version.major, version.minor, version.patch) == (3, 1, 0)
            for call in ("get_server_features", "get_server_config", "get_about_info", "get_storage",
                         "get_supported_media_types"):
                await getattr(client.server, call)()
            assert (await client.assets.get_asset_statistics()).total == 0
            return me

    assert asyncio.run(run()).email == "anna@example.org"


def test_its_typed_calls_browse(server, admin):
    from immichpy.client.generated import models

    photo = admin.store(media.jpeg("typed"), "Typed.jpg")
    film = admin.store(media.mp4("typed"), "film.mp4")

    async def run():
        async with AsyncClient(api_key=admin.fields["x_api_key"], base_url=server.url) as client:
            changed = await client.assets.update_asset(
                photo, models.UpdateAssetDto(is_favorite=True, description="d", rating=3, latitude=1.5, longitude=2.5))
            assert changed.is_favorite and changed.exif_info.description == "d" and changed.exif_info.rating == 3
            await client.assets.update_assets(models.AssetBulkUpdateDto(
                ids=[photo, film], visibility=models.AssetVisibility.ARCHIVE, date_time_relative=60, time_zone="Europe/Berlin"))
            assert (await client.assets.get_asset_info(film)).visibility == models.AssetVisibility.ARCHIVE
            page = await client.search.search_assets(models.MetadataSearchDto(size=1, with_exif=True, order=models.AssetOrder.ASC))
            assert page.assets.count == 1 and page.assets.next_page == "2"
            found = await client.search.search_assets(models.MetadataSearchDto(original_file_name="TYPED"))
            assert [str(asset.id) for asset in found.assets.items] == [photo]
            assert len(await client.search.search_random(models.RandomSearchDto(size=5))) == 2
            assert (await client.search.search_asset_statistics(models.StatisticsSearchDto())).total == 2
            assert await client.search.get_search_suggestions(models.SearchSuggestionType.CAMERA_MINUS_MAKE) == []
            assert (await client.search.get_explore_data())[0].items == []
            assert await client.search.get_assets_by_city() == await client.search.search_person("x") == []
            assert await client.search.search_places("x") == []
            months = await client.timeline.get_time_buckets()
            assert [(month.time_bucket, month.count) for month in months] == [("2024-07-01", 2)]
            columns = await client.timeline.get_time_bucket(
                "2024-07-01", with_coordinates=True, with_stacked=True, order=models.AssetOrder.ASC)
            assert sorted(columns.id) == sorted([photo, film]) and sorted(columns.is_image) == [False, True]
            assert await client.assets.view_asset(photo, size=models.AssetMediaSize.FULLSIZE) == media.jpeg("typed")
            assert await client.assets.play_asset_video(film) == media.mp4("typed")

    asyncio.run(run())
