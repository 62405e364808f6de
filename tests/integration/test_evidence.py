"""Evidence through the doors of a running engine, by the clients that phones and integrators use."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from duban.io.evidence.tus import UPLOADS_PATH
from duban_cli.connection import EVIDENCE
from duban_cli.system import System
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.evidence import photo, seal, written
from tests.snippets import snippet

pytestmark = pytest.mark.stack

REPORT = {"title": "河水发臭", "category": "river", "area": "north-town"}


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch, DUBAN_EVIDENCE=str(system.folder / EVIDENCE))


@pytest.fixture
def name() -> str:
    return f"phones-{uuid4().hex[:8]}"


async def key_of(duban: Run, gateway: httpx2.AsyncClient, name: str) -> str:
    """The key of a source that the gateway knows."""
    given = ("--jurisdiction", "smallville", "--channel", "hotline")
    [done] = lines(await duban("source", "add", name, *given, "--json"))
    key: str = done["key"]

    async def is_known() -> bool:
        return (await gateway.get(f"{UPLOADS_PATH}/x", headers=bearer(key))).status_code == 404

    await eventually(is_known)
    return key


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def registered(api: httpx2.AsyncClient, problem: str) -> dict[str, Any]:
    """The problem, once it stands in the ledger."""

    async def stands() -> bool:
        return (await api.get(f"/v1/problems/{problem}")).status_code == 200

    await eventually(stands)
    found: dict[str, Any] = (await api.get(f"/v1/problems/{problem}")).json()
    return found


async def evidence_of(api: httpx2.AsyncClient, problem: str, kind: str) -> list[dict[str, str]]:
    """What the first event of this kind in the history of a problem names as evidence."""
    history = (await api.get(f"/v1/problems/{problem}/history")).json()["events"]
    change = next(event["change"] for event in history if event["change"]["kind"] == kind)
    found: list[dict[str, str]] = (change.get("filed", {}).get("report") or change)["evidence"]
    return found


async def test_a_phone_goes_on_with_its_upload_after_the_gateway_was_killed_and_the_hash_is_in_the_ledger(
    duban: Run, system: System, gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, name: str, tmp_path: Path
) -> None:
    data = photo(400, height=300, noise=name)
    file, key = written(tmp_path, data, "河.jpg"), await key_of(duban, gateway, name)
    phone = TusClient(f"{system.urls['gateway']}{UPLOADS_PATH}", bearer(key))
    url, reached = await sent(phone, file, 2000, chunk_size=1000, upload_checksum=True)
    assert reached == 2000
    killed = await system.kill("gateway")
    await system.ready("gateway")
    assert system.pids["gateway"] != killed
    # Another run of the phone, that knows nothing but the address of the upload.
    assert (await gateway.get(url, headers=bearer(key))).json()["offset"] == 2000
    assert not list((system.folder / EVIDENCE).rglob(seal(data)))
    await sent(phone, file, url=url)
    evidence = (await gateway.get(url, headers=bearer(key))).json()["evidence"]
    assert evidence == {"uri": f"evidence:{seal(data)}", "sha256": seal(data), "title": "河.jpg"}

    report = {"id": "1", **REPORT, "evidence": [evidence]}
    accepted = (await gateway.post("/v1/reports", json=report, headers=bearer(key))).json()
    await registered(api, accepted["problem_id"])
    assert await evidence_of(api, accepted["problem_id"], "registered") == [evidence]
    assert "the store has what the ledger names" in (await duban("evidence", "verify")).stderr

    # What may be shown says nothing of who took the photo; the original does, and whoever opens it stands in the log.
    shown = await api.get(f"/v1/evidence/{seal(data)}/published")
    assert (shown.headers["content-type"], b"Li Si" in shown.content) == ("image/jpeg", False)
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    original = f"/v1/evidence/{seal(data)}/original"
    assert (await api.get(original)).content == data
    connection = await asyncpg.connect(system.superuser)
    last = await connection.fetchval("select body from console.account_log order by number desc limit 1")
    await connection.close()
    assert json.loads(last)["detail"] == f"{seal(data)}: {original}"
    assert (await duban("evidence", "get", evidence["uri"])).stdout_bytes == data
    # Whoever takes it from the store is found out.
    [stored] = (system.folder / EVIDENCE / "originals").rglob(seal(data))
    stored.rename(tmp_path / "taken")
    assert (await api.get(original)).status_code == 404
    [lack] = lines(await duban("evidence", "verify", "--json", code=1))
    assert (lack["sha256"], lack["what"]) == (seal(data), "is missing in the store")
    (tmp_path / "taken").rename(stored)


async def test_a_report_comes_with_its_photo_in_one_form(
    duban: Run, system: System, gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, name: str, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    key, data = await key_of(duban, gateway, name), photo(noise=name)
    written(tmp_path, data, "photo.jpg")
    instead = {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key}
    form = await curled(snippet("integrating.md", "report with a photo", instead), tmp_path)
    await registered(api, form["problem_id"])
    [piece] = await evidence_of(api, form["problem_id"], "registered")
    assert piece == {"uri": f"evidence:{seal(data)}", "sha256": seal(data), "title": "photo.jpg"}
    # The same again is the same report.
    again = await curled(snippet("integrating.md", "report with a photo", instead), tmp_path)
    assert again["problem_id"] == form["problem_id"]


async def test_a_form_that_is_no_report_with_files_is_refused_and_nothing_of_it_is_kept(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    key, data = await key_of(duban, gateway, name), photo(noise=f"refused {name}")
    report = json.dumps({"id": "1", **REPORT})

    async def refused(code: str, field: str | None, status: int, headers: Any = None, **form: Any) -> None:
        answer = await gateway.post("/v1/reports", headers=bearer(key) if headers is None else headers, **form)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error.get("field")) == (status, code, field), error

    page = ("page.jpg", b"<html>", "image/jpeg")
    await refused("unsupported_type", "evidence.0", 415, data={"report": report}, files={"evidence": page})
    await refused("invalid", "report", 400, files={"evidence": data})
    await refused("invalid", "photo", 400, data={"report": report}, files={"photo": data})
    no_file = [("report", (None, report)), ("evidence", (None, "photo"))]
    await refused("invalid", "evidence", 400, files=no_file)
    await refused("invalid", "title", 400, data={"report": '{"id": "1"}'}, files={"evidence": data})
    await refused("not_json", None, 400, data={"report": "{"}, files={"evidence": data})
    broken = {"content": b"--x\r\nnothing", "headers": {**bearer(key), "content-type": "multipart/form-data"}}
    await refused("invalid", None, 400, **broken)
    # A page in a browser may send a form to this machine without asking first: not without a key.
    origin = {"origin": "https://page.example"}
    await refused("of_a_page", "origin", 403, origin, data={"report": report}, files={"evidence": data})
    assert not list((system.folder / EVIDENCE / "originals").rglob(seal(data)))


async def test_what_a_unit_did_is_proved_by_a_file_that_it_uploads_to_the_api(
    duban: Run, system: System, gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, name: str, tmp_path: Path
) -> None:
    report = {"id": "1", "source": name, "jurisdiction": "smallville", "channel": "hotline", **REPORT}
    problem = (await gateway.post("/v1/reports", json=report)).json()["problem_id"]
    standing, data, more = await registered(api, problem), photo(noise=f"after {name}"), photo(noise=f"more {name}")
    file = written(tmp_path, data, "after.jpg")
    unit = TusClient(f"{system.urls['api']}{UPLOADS_PATH}", system.bearer)
    piece = {"uri": f"evidence:{seal(data)}", "sha256": seal(data), "title": "after.jpg"}
    act = {"action": "acknowledge", "actor": {"unit": standing["lead_unit"]}}
    done = await api.post(f"/v1/problems/{problem}/actions", params={"wait": 30}, json=act)
    assert done.status_code == 200, done.text
    progress = {"action": "progress", "actor": {"unit": standing["lead_unit"]}, "note": "cleaned", "evidence": [piece]}
    # Not before it is there.
    early = await api.post(f"/v1/problems/{problem}/actions", json=progress)
    assert (early.status_code, early.json()["error"]["field"]) == (409, "evidence.0.sha256")
    url, _ = await sent(unit, file)
    assert (await api.get(url)).json()["evidence"] == piece
    done = await api.post(f"/v1/problems/{problem}/actions", params={"wait": 30}, json=progress)
    assert done.status_code == 200, done.text
    assert await evidence_of(api, problem, "progressed") == [piece]
    known = (await api.get(f"/v1/evidence/{seal(data)}")).json()
    assert (known["state"], known["size"], known["published"]) == ("originals", len(data), True)
    # And by the command line, whose file goes into the same store.
    proof = written(tmp_path, more, "more.jpg")
    await duban("act", problem, "progress", "--unit", standing["lead_unit"], "--note", "more", "--evidence", proof,
                "--wait", 30)  # fmt: skip
    assert (await api.get(f"/v1/evidence/{seal(more)}/original")).content == more
    await duban("evidence", "verify")

    with pytest.raises(TusCommunicationError, match="415"):
        await sent(unit, written(tmp_path, b"<html>", "page.jpg"))


async def sent(client: TusClient, file: Path, stop_at: int | None = None, **options: Any) -> tuple[str, int]:
    """Have ``client`` upload ``file``, up to ``stop_at``; the address of the upload, and how far it has come."""

    def upload() -> tuple[str, int]:
        with file.open("rb") as stream:
            uploader = client.uploader(file_stream=stream, metadata={"filename": file.name}, **options)
            uploader.upload(stop_at=stop_at)
        return str(uploader.url), uploader.offset

    return await asyncio.to_thread(upload)


async def curled(command: str, folder: Path) -> Any:
    """What the ``curl`` of a snippet answers that is run in ``folder``."""
    shell = await asyncio.create_subprocess_exec("bash", "-c", command, cwd=folder, stdout=asyncio.subprocess.PIPE)
    out, _ = await shell.communicate()
    answer = out.decode()
    return json.loads(answer[answer.index("{") :])
