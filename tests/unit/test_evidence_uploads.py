"""Uploads by tus: they go on where they broke off, end once, and tell why a file is none."""

from __future__ import annotations

import asyncio
import fcntl
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from hashlib import md5, sha1
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect

from duban.errors import Fault, Unavailable
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.keeper import EvidenceKeeper
from duban.io.evidence.reception import Reception
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import Room
from duban.io.evidence.tus import UPLOADS_PATH, UploadDoor, serve_uploads, upload_limit
from duban.io.evidence.uploads import Announcement, Uploads
from duban.io.faults import answer_faults
from tests.evidence import seal, video

VIDEO = video()
TUS = {"tus-resumable": "1.0.0"}
BYTES = {**TUS, "content-type": "application/offset+octet-stream"}


class Scripted:
    """A scanner that says what a test has it say: that nothing is wrong, what is, or nothing at all."""

    def __init__(self) -> None:
        self.says: str | None = None
        self.is_away = False

    def scan(self, file: Path) -> str | None:
        if self.is_away:
            raise Unavailable("it sleeps")
        return self.says


@pytest.fixture
def scanner() -> Scripted:
    return Scripted()


@pytest.fixture
def reception(tmp_path: Path, scanner: Scripted) -> Reception:
    desk = EvidenceDesk(FolderStore(tmp_path / "store"), EvidenceSettings().types, 100_000, scanner)
    return Reception(desk, Uploads(tmp_path / "uploads", 24))


def speaker(request: Request, begins: bool) -> str:
    """Whoever says who they are."""
    if (name := request.headers.get("x-name")) == "stranger":
        raise Fault(401, "no_key", "a key is needed")
    return name or "phone"


@pytest.fixture
async def client(reception: Reception) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    answer_faults(app, 1024, lambda scope: upload_limit(reception, scope))
    serve_uploads(app, UploadDoor(reception, speaker))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def metadata(**said: str) -> dict[str, str]:
    return {"upload-metadata": ",".join(f"{name} {b64encode(text.encode()).decode()}" for name, text in said.items())}


async def begun(
    client: httpx2.AsyncClient, length: int = len(VIDEO), headers: Mapping[str, str] = MappingProxyType({})
) -> str:
    answer = await client.post(UPLOADS_PATH, headers={**TUS, "upload-length": str(length), **headers})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
    return answer.headers["location"]


async def sent(
    client: httpx2.AsyncClient, url: str, data: bytes, offset: int = 0, checksum: str | None = None
) -> httpx2.Response:
    checked = {} if checksum is None else {"upload-checksum": checksum}
    return await client.patch(url, content=data, headers={**BYTES, "upload-offset": str(offset), **checked})


def told(answer: httpx2.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_upload_goes_on_where_it_broke_off_and_is_evidence_at_its_end(
    client: httpx2.AsyncClient, reception: Reception
) -> None:
    url = await begun(client, headers=metadata(filename="C:\\photos\\河.mp4", sha256=seal(VIDEO)))
    assert (await sent(client, url, VIDEO[:100])).headers["upload-offset"] == "100"
    assert (await client.get(url)).json() == {
        "offset": 100, "length": len(VIDEO), "evidence": None, "type": None, "held": None, "unpublished": None,
        "code": None, "reason": None,
    }  # fmt: skip
    # Another offset than is reached is refused, and HEAD says where to go on.
    assert told(await sent(client, url, VIDEO[200:], 200)) == (409, "other_offset")
    head = await client.head(url, headers=TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("100", str(len(VIDEO)))
    assert head.headers["cache-control"] == "no-store"
    done = await sent(client, url, VIDEO[100:], 100)
    assert (done.status_code, done.headers["evidence"]) == (204, f"evidence:{seal(VIDEO)}")
    state = (await client.get(url)).json()
    assert state["evidence"] == {"uri": f"evidence:{seal(VIDEO)}", "sha256": seal(VIDEO), "title": "河.mp4"}
    assert b"".join(reception.desk.store.read(Room.ORIGINALS, seal(VIDEO)) or ()) == VIDEO
    # It ends once: nothing more is taken, and the bytes lie in one place.
    assert told(await sent(client, url, b"", len(VIDEO))) == (410, "complete")
    assert not reception.uploads.find(url.rpartition("/")[2], "phone").bytes.exists()


async def test_the_first_bytes_may_come_with_the_beginning(client: httpx2.AsyncClient) -> None:
    whole = await client.post(UPLOADS_PATH, content=VIDEO, headers={**BYTES, "upload-length": str(len(VIDEO))})
    assert (whole.status_code, whole.headers["evidence"]) == (201, f"evidence:{seal(VIDEO)}")
    part = await client.post(UPLOADS_PATH, content=VIDEO[:7], headers={**BYTES, "upload-length": str(len(VIDEO))})
    assert (part.status_code, part.headers["upload-offset"]) == (201, "7")


async def test_what_breaks_off_in_the_middle_of_a_request_is_kept_as_far_as_it_came(
    reception: Reception,
) -> None:
    upload = reception.uploads.begin(Announcement(owner="phone", length=len(VIDEO)))

    async def broken_off(piece: bytes, offset: int, *headers: tuple[bytes, bytes]) -> None:
        messages = iter([{"type": "http.request", "body": piece, "more_body": True}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(messages)

        kind = (b"content-type", b"application/offset+octet-stream")
        request = Request({"type": "http", "method": "PATCH", "path": "/", "headers": [kind, *headers]}, receive)
        with pytest.raises(ClientDisconnect):
            await UploadDoor(reception, speaker).write(request, upload, offset)

    await broken_off(VIDEO[:60], 0)
    assert reception.uploads.find(upload.id, "phone").offset == 60
    # With a checksum over all of it, nothing of it can be believed.
    await broken_off(VIDEO[60:70], 60, (b"upload-checksum", b"sha1 " + b64encode(sha1(VIDEO[60:]).digest())))
    assert upload.offset == 60


async def test_a_checksum_drops_what_was_changed_on_the_way(client: httpx2.AsyncClient) -> None:
    url = await begun(client)
    good = "sha1 " + b64encode(sha1(VIDEO[:50]).digest()).decode()
    assert told(await sent(client, url, VIDEO[50:100], checksum=good)) == (460, "other_checksum")
    assert (await client.head(url, headers=TUS)).headers["upload-offset"] == "0"
    assert (await sent(client, url, VIDEO[:50], checksum=good)).headers["upload-offset"] == "50"
    other = "md5 " + b64encode(md5(b"").digest()).decode()
    assert told(await sent(client, url, VIDEO[50:], 50, checksum=other)) == (400, "invalid")


async def test_one_request_at_a_time_writes_to_an_upload(client: httpx2.AsyncClient, reception: Reception) -> None:
    url = await begun(client)
    descriptor = os.open(reception.uploads.find(url.rpartition("/")[2], "phone").bytes, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        locked = await sent(client, url, VIDEO)
    finally:
        os.close(descriptor)
    assert (told(locked), locked.headers["retry-after"]) == ((423, "locked"), "1")
    assert (await sent(client, url, VIDEO)).status_code == 204


async def test_a_file_that_is_none_is_refused_at_its_end_and_the_upload_says_why(
    client: httpx2.AsyncClient, reception: Reception
) -> None:
    url = await begun(client, 6)
    assert told(await sent(client, url, b"<html>")) == (415, "unsupported_type")
    state = (await client.get(url)).json()
    assert (state["evidence"], state["code"]) == (None, "unsupported_type")
    url = await begun(client, headers=metadata(sha256="0" * 64))
    assert told(await sent(client, url, VIDEO)) == (422, "other_hash")
    assert not list(reception.desk.store.all(Room.ORIGINALS))


def bad() -> Iterator[tuple[str, dict[str, str], int, str]]:
    yield "no version", {"upload-length": "5"}, 412, "other_version"
    yield "no length", TUS, 400, "invalid"
    yield "a length that is none", {**TUS, "upload-length": "-5"}, 400, "invalid"
    yield "a length that comes later", {**TUS, "upload-defer-length": "1"}, 400, "invalid"
    yield "nothing", {**TUS, "upload-length": "0"}, 400, "empty"
    yield "more than is taken", {**TUS, "upload-length": "100001"}, 413, "too_large"
    yield "metadata that are none", {**TUS, "upload-length": "5", "upload-metadata": "filename §"}, 400, "invalid"
    yield "a hash that is none", {**TUS, "upload-length": "5", **metadata(sha256="x")}, 400, "invalid"
    yield "a stranger", {**TUS, "upload-length": "5", "x-name": "stranger"}, 401, "no_key"


@pytest.mark.parametrize(("headers", "status", "code"), [pytest.param(*rest, id=name) for name, *rest in bad()])
async def test_an_upload_that_cannot_be_is_refused_before_a_byte_is_sent(
    client: httpx2.AsyncClient, reception: Reception, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post(UPLOADS_PATH, headers=[(name.encode(), text.encode()) for name, text in headers.items()])
    assert told(answer) == (status, code)
    assert status != 412 or answer.headers["tus-version"] == "1.0.0"
    assert list(reception.uploads.all()) == []


async def test_more_bytes_than_were_announced_are_refused_and_dropped(client: httpx2.AsyncClient) -> None:
    url = await begun(client, 10)
    assert told(await sent(client, url, VIDEO[:11])) == (413, "too_large")
    assert (await client.head(url, headers=TUS)).headers["upload-offset"] == "0"
    assert told(await client.patch(url, content=b"x", headers={**TUS, "upload-offset": "0"})) == (
        415,
        "unsupported_type",
    )
    beyond = await client.post(UPLOADS_PATH, content=bytes(100_001), headers={**BYTES, "upload-length": "5"})
    assert (told(beyond), "DUBAN_EVIDENCE_MAX_BYTES" in beyond.text) == ((413, "too_large"), True)


async def test_an_upload_is_its_senders_alone_and_may_be_given_up(client: httpx2.AsyncClient) -> None:
    url = await begun(client)
    for call in (client.head, client.get, client.delete):
        assert (await call(url, headers={**TUS, "x-name": "other"})).status_code == 404
    assert (await client.delete(url, headers=TUS)).status_code == 204
    assert (await client.head(url, headers=TUS)).status_code == 404
    assert (await client.get(f"{UPLOADS_PATH}/..%2f..%2fstore")).status_code == 404


async def test_what_is_spoken_of_tus_is_told(client: httpx2.AsyncClient) -> None:
    able = await client.options(UPLOADS_PATH)
    assert (able.status_code, able.headers["tus-version"], able.headers["tus-max-size"]) == (204, "1.0.0", "100000")
    assert able.headers["tus-extension"] == "creation,creation-with-upload,expiration,checksum,termination"


async def test_what_is_infected_is_kept_apart_and_told_also_when_it_comes_again(
    client: httpx2.AsyncClient, reception: Reception, scanner: Scripted
) -> None:
    scanner.says = "Eicar"
    for says in ("Eicar", None):  # the second time it is known
        scanner.says = says
        url = await begun(client)
        answer = await sent(client, url, VIDEO)
        assert (told(answer), "kept apart" in answer.text) == ((422, "infected"), True)
    store = reception.desk.store
    assert [stored.sha256 for stored in store.all(Room.INFECTED)] == [seal(VIDEO)]
    assert (list(store.all(Room.ORIGINALS)), list(store.all(Room.HELD))) == ([], [])


async def test_a_scanner_that_is_away_holds_the_file_back_until_it_has_looked(
    client: httpx2.AsyncClient, reception: Reception, scanner: Scripted
) -> None:
    scanner.is_away = True
    url = await begun(client)
    assert (await sent(client, url, VIDEO)).headers["evidence"] == f"evidence:{seal(VIDEO)}"
    assert "before a scanner has looked at it: it sleeps" in (await client.get(url)).json()["held"]
    # It is there, so a report may speak of it; it is given to nobody.
    store, keeper = reception.desk.store, EvidenceKeeper(reception)
    assert [stored.sha256 for stored in store.all(Room.HELD)] == [seal(VIDEO)]
    assert "scanner" in str(reception.desk.why_not(seal(VIDEO)))
    with pytest.raises(Unavailable, match="it sleeps"):
        keeper.round()
    assert list(store.all(Room.ORIGINALS)) == []
    scanner.is_away = False
    keeper.round()
    assert (reception.desk.why_not(seal(VIDEO)), list(store.all(Room.HELD))) == (None, [])


async def test_what_was_held_and_is_infected_is_kept_apart(
    reception: Reception, scanner: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "video").write_bytes(VIDEO)
    scanner.is_away, scanner.says = True, "Eicar"
    assert reception.desk.take(tmp_path / "video").held
    scanner.is_away = False
    EvidenceKeeper(reception).round()
    assert "infected" in str(reception.desk.why_not(seal(VIDEO)))
    assert list(reception.desk.store.all(Room.HELD)) == []


async def test_what_is_held_is_looked_at_when_it_comes_again(
    reception: Reception, scanner: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "video").write_bytes(VIDEO)
    scanner.is_away, scanner.says = True, "Eicar"
    assert reception.desk.take(tmp_path / "video").held
    assert reception.desk.take(tmp_path / "video").held  # still
    scanner.is_away = False
    with pytest.raises(Fault, match="Eicar"):
        reception.desk.take(tmp_path / "video")
    assert list(reception.desk.store.all(Room.HELD)) == []


async def test_what_came_whole_is_taken_also_if_the_process_died_before(
    client: httpx2.AsyncClient, reception: Reception
) -> None:
    url = await begun(client)
    upload = reception.uploads.find(url.rpartition("/")[2], "phone")
    upload.bytes.write_bytes(VIDEO)  # as a process leaves it that dies after the last byte
    EvidenceKeeper(reception).round()
    assert [stored.sha256 for stored in reception.desk.store.all(Room.ORIGINALS)] == [seal(VIDEO)]
    assert (await client.get(url)).json()["evidence"]["sha256"] == seal(VIDEO)


async def test_a_store_that_is_away_loses_no_upload(
    client: httpx2.AsyncClient, reception: Reception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = await begun(client)
    (tmp_path / "store" / "arriving").rmdir()
    away = await sent(client, url, VIDEO)
    assert (told(away), away.headers["retry-after"]) == ((503, "unavailable"), "5")
    for file in (tmp_path / "uploads").rglob("*"):
        os.utime(file, (0, 0))
    assert reception.uploads.clear() == 0  # nobody goes on with it, but it is whole
    (tmp_path / "store" / "arriving").mkdir()
    assert (await client.get(url)).json()["evidence"]["sha256"] == seal(VIDEO)


async def test_uploads_that_nobody_goes_on_with_are_cleared(
    client: httpx2.AsyncClient, reception: Reception, tmp_path: Path
) -> None:
    old, new = await begun(client), await begun(client)
    begun_and_died = tmp_path / "uploads" / f".{'0' * 32}"
    begun_and_died.mkdir()
    for place in ((tmp_path / "uploads" / old.rpartition("/")[2]), begun_and_died):
        for file in (*place.iterdir(), place):
            os.utime(file, (0, 0))
    EvidenceKeeper(reception).round()
    assert (await client.head(old, headers=TUS)).status_code == 404
    assert (await client.head(new, headers=TUS)).status_code == 200
    assert not begun_and_died.exists()


async def test_two_who_finish_an_upload_at_once_find_one_outcome(reception: Reception) -> None:
    upload = reception.uploads.begin(Announcement(owner="phone", length=len(VIDEO)))
    upload.bytes.write_bytes(VIDEO)
    outcomes = await asyncio.gather(*(asyncio.to_thread(upload.finish, reception.desk) for _ in range(4)))
    assert {outcome.evidence.sha256 for outcome in outcomes if outcome.evidence} == {seal(VIDEO)}
    assert len(outcomes) == 4


async def test_without_a_store_nothing_is_taken() -> None:
    app = FastAPI()
    answer_faults(app, 1024)
    serve_uploads(app, UploadDoor(None, speaker))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        assert told(await client.post(UPLOADS_PATH, headers={**TUS, "upload-length": "5"})) == (
            501,
            "no_evidence_store",
        )
