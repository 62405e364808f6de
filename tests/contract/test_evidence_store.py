"""One suite over each store of evidence: a folder, and a bucket of a server of others that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from os import urandom
from pathlib import Path

import httpx2
import obstore
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from duban.errors import SettingsError, Unavailable
from duban.io.evidence.bucket import BucketStore
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.reception import opened, reception_of
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import EvidenceStore, Room, standing
from tests.evidence import seal, video, written


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of S3 with the bucket `evidence`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    key = {"authorization": "AWS4-HMAC-SHA256 Credential=a/b/us-east-1/s3/aws4_request"}
    made = httpx2.put(f"{url}/evidence", headers=key, timeout=120)  # only now does it load what S3 is
    assert made.status_code == 200, made.text
    yield url
    server.stop()


def in_bucket(url: str, **changed: object) -> EvidenceSettings:
    given = {"evidence": "s3://evidence/city", "evidence_endpoint": url, "evidence_key": "key",
             "evidence_secret": SecretStr("secret"), **changed}  # fmt: skip
    return EvidenceSettings.model_validate(given)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    prefix = f"s3://evidence/{tmp_path.name}/{urandom(4).hex()}"
    bucket = opened(in_bucket(request.getfixturevalue("server"), evidence=prefix))
    assert isinstance(bucket, BucketStore)
    return bucket


def put(store: EvidenceStore, room: Room, data: bytes, tmp_path: Path) -> str:
    store.put(room, seal(data), written(tmp_path, data))
    return seal(data)


def held(store: EvidenceStore, room: Room, sha256: str) -> bytes | None:
    read = store.read(room, sha256)
    return None if read is None else b"".join(read)


def test_what_was_put_is_found_and_read_and_moves_from_room_to_room(store: EvidenceStore, tmp_path: Path) -> None:
    first, second = put(store, Room.HELD, b"first", tmp_path), put(store, Room.HELD, b"second", tmp_path)
    assert held(store, Room.HELD, first) == b"first"
    assert [(one.sha256, one.size) for one in store.all(Room.HELD)] == sorted([(first, 5), (second, 6)])
    store.move(first, Room.HELD, Room.ORIGINALS)
    assert (store.find(Room.HELD, first), held(store, Room.HELD, first)) == (None, None)
    assert held(store, Room.ORIGINALS, first) == b"first"
    put(store, Room.ORIGINALS, b"first", tmp_path)  # the same again
    assert [one.sha256 for one in store.all(Room.ORIGINALS)] == [first]


def test_what_was_found_infected_is_infected_wherever_else_it_lies(store: EvidenceStore, tmp_path: Path) -> None:
    assert standing(store, seal(b"x")) is None
    for room in (Room.HELD, Room.ORIGINALS, Room.INFECTED):
        put(store, room, b"x", tmp_path)
        stored = standing(store, seal(b"x"))
        assert stored is not None
        assert stored.room is room


def test_a_file_of_many_parts_is_there_whole(store: EvidenceStore, tmp_path: Path) -> None:
    data = urandom(12 * 1024 * 1024 + 7)  # three parts in a bucket
    assert held(store, Room.ORIGINALS, put(store, Room.ORIGINALS, data, tmp_path)) == data


def test_the_desk_takes_files_into_either(store: EvidenceStore, tmp_path: Path) -> None:
    desk = EvidenceDesk(store, EvidenceSettings().types, 100_000)
    taken = desk.take(written(tmp_path, video()), "a.mp4")
    desk.check([taken.evidence])
    assert held(store, Room.ORIGINALS, seal(video())) == video()
    store.tidy()
    assert [stored.size for stored in store.all(Room.ORIGINALS)] == [len(video())]


def test_a_bucket_has_the_names_of_a_folder(server: str, tmp_path: Path) -> None:
    store = opened(in_bucket(server, evidence="s3://evidence/named"))
    assert store is not None
    assert str(store) == "s3://evidence/named"
    sha256 = put(store, Room.ORIGINALS, b"x", tmp_path)
    folder = FolderStore(tmp_path / "store")
    put(folder, Room.ORIGINALS, b"x", tmp_path)
    [file] = (tmp_path / "store").rglob(sha256)
    everything = opened(in_bucket(server, evidence="s3://evidence"))
    assert isinstance(everything, BucketStore)
    paths = [meta["path"] for metas in obstore.list(everything._store, "named") for meta in metas]
    assert paths == [f"named/{file.relative_to(tmp_path / 'store')}"]


def test_a_bucket_that_is_away_is_waited_for_and_says_why(server: str, tmp_path: Path) -> None:
    for settings, why in (
        (in_bucket("http://127.0.0.1:9"), "s3://evidence/city cannot be used now"),
        (in_bucket(server, evidence="s3://nobodys"), "s3://nobodys cannot be used now"),
    ):
        store = opened(settings)
        assert store is not None
        with pytest.raises(Unavailable, match=why):
            put(store, Room.ORIGINALS, b"x", tmp_path)
        with pytest.raises(Unavailable, match=why):
            list(store.all(Room.HELD))


def test_a_bucket_needs_a_name_and_a_folder_for_its_uploads(server: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names no bucket"):
        opened(in_bucket(server, evidence="s3://"))
    with pytest.raises(SettingsError, match="DUBAN_EVIDENCE_UPLOADS is missing"):
        reception_of(in_bucket(server))
    assert reception_of(in_bucket(server, evidence_uploads=tmp_path / "uploads")) is not None


def test_a_secret_is_shown_nowhere(server: str) -> None:
    settings = in_bucket(server, evidence_secret=SecretStr("hush"))
    assert "hush" not in f"{settings!r} {opened(settings)} {opened(settings)!r}"


def test_what_takes_the_place_of_a_file_lies_there_alone_and_what_is_erased_nowhere(
    store: EvidenceStore, tmp_path: Path
) -> None:
    first = put(store, Room.ORIGINALS, b"first", tmp_path)
    store.replace(Room.ORIGINALS, first, written(tmp_path, b"another"))
    assert held(store, Room.ORIGINALS, first) == b"another"
    store.erase(Room.ORIGINALS, first)
    store.erase(Room.ORIGINALS, first)
    assert (store.find(Room.ORIGINALS, first), held(store, Room.ORIGINALS, first)) == (None, None)
    assert list(store.all(Room.ORIGINALS)) == []
