"""Personal data on the real stack: what a report says is sealed, shown to whoever may see it, and erased everywhere."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from duban.messages.report import Report
from duban.policy.plain_data import plain_data
from duban_cli.connection import REPORT_KEY
from duban_cli.system import System
from duban_console.kafka.topic_reader import records, topics_of
from duban_local.postgres import binaries
from tests.accounts import CUSTODIAN, OWN, signed_in
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import SMALL

pytestmark = pytest.mark.stack

SAID: Final = {
    "title": "隔壁李四海家的井",
    "text": "我叫王小明明，电话13800138111",
    "attributes": {"住址": "北街七十七号"},
}
CONTACT: Final = {"name": "王小明明", "phone": "13800138222"}
PERSONAL: Final = ("李四海", "王小明明", "13800138111", "13800138222", "北街七十七号")


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(
        system, monkeypatch, DUBAN_VAULT=system.urls["vault"], DUBAN_REPORT_KEY=str(system.folder / REPORT_KEY)
    )


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=20) as client:
        yield client


@pytest.fixture
async def api(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=20, headers=system.bearer) as client:
        yield client


def sealed_pack(folder: Path) -> Path:
    """The small pack as that of another city, which has its reports sealed."""
    pack = plain_data(SMALL.read_text("utf-8"))
    pack |= {"id": "sealed", "jurisdiction": "sealville", "number": "SE-{year}-{serial:04d}"}
    pack["privacy"] = {"basis": "practice", "seal": ["title", "text", "attributes", "evidence"]}
    file = folder / "sealed.yaml"
    file.write_text(json.dumps(pack, default=str), "utf-8")
    return file


async def taken(gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, id_: str, **changed: Any) -> str:
    """The problem of a report of Sealville, once it stands in the ledger."""
    place = {"jurisdiction": "sealville", "channel": "hotline", "category": "river", "area": "north-town"}
    report = {"source": "hotline", "id": id_, **place, **SAID, **changed}
    answer = await gateway.post("/v1/reports", json=report)
    assert answer.status_code == 202, answer.text
    problem: str = answer.json()["problem_id"]

    async def stands() -> bool:
        return (await api.get(f"/v1/problems/{problem}")).status_code == 200

    await eventually(stands)
    return problem


async def dumped(system: System) -> dict[str, bytes]:
    """All that a backup would hold: the database, the evidence, and every topic but that of reports, by their names."""
    dump = await asyncio.create_subprocess_exec(
        binaries() / "pg_dump", "--dbname", system.superuser, "--no-owner", stdout=asyncio.subprocess.PIPE
    )
    written, _ = await dump.communicate()
    assert dump.returncode == 0
    kept = {"database": written}
    for file in (system.folder / "evidence").rglob("*"):
        if file.is_file():
            kept[str(file)] = file.read_bytes()
    topics = sorted(await topics_of(system.settings) - {Report.TOPIC})
    async for record in records(system.settings, topics):
        kept[record.topic] = kept.get(record.topic, b"") + (record.value or b"") + (record.key or b"")
    return kept


def found(words: tuple[str, ...], kept: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which of ``words`` stands where: as it is, escaped, in UTF-16, in base64 at any place, as hexadecimals."""
    return {
        (word, place) for word in words for place, held in kept.items() if any(form in held for form in forms(word))
    }


def forms(word: str) -> set[bytes]:
    plain = word.encode()
    in_base64 = {b64encode(b"\0" * pad + plain)[-(-8 * pad // 6) : 8 * (pad + len(plain)) // 6] for pad in range(3)}
    escaped = {json.dumps(word)[1:-1].encode(), word.encode("utf-16-le"), word.encode("utf-16-be")}
    return {plain, plain.hex().encode(), *escaped, *in_base64}


def test_the_search_finds_a_word_in_every_form() -> None:
    said = "电话：王小明明，北街".encode()
    for pad in range(3):
        assert found(("王小明明",), {"x": b64encode(b"a" * pad + said)})
    assert found(("王小明明",), {"x": "x王小明明".encode("utf-16-le")})
    assert found(("王小明明",), {"x": said.hex().encode()})
    assert not found(("王小明明",), {"x": b64encode("王小明天".encode() * 9)})


async def test_what_a_report_says_is_sealed_everywhere_shown_by_its_key_and_nowhere_to_be_found_once_erased(
    system: System, gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, duban: Run, tmp_path: Path
) -> None:
    await duban("pack", "publish", sealed_pack(tmp_path))
    id_ = uuid4().hex
    problem = await taken(gateway, api, id_, contact=CONTACT, secret="nobody guesses it")

    standing = (await api.get(f"/v1/problems/{problem}")).json()
    assert "李四海" not in standing["title"]
    history = (await api.get(f"/v1/problems/{problem}/history")).json()
    assert history["verified"]
    assert not found(PERSONAL, {"history": json.dumps(history, ensure_ascii=False).encode()})
    [shown] = (await api.get(f"/v1/problems/{problem}/reports")).json()["reports"]
    assert shown["seal"] == "opened"
    assert {name: shown["report"][name] for name in SAID} == SAID
    assert "王小明明" in (await duban("problem", "show", problem)).stdout
    kept = await dumped(system)
    assert not found(PERSONAL, kept)
    assert found((problem,), kept)  # what is kept of it is in there

    await signed_in(system, "an", CUSTODIAN)
    erase = ("vault", "erase", "hotline", id_, "--reason", "asked for", "--as", "an", "--json")
    erased = lines(await duban(*erase, stdin=f"{OWN}\n"))
    assert erased[0]["classes"] == ["contact", "content"]
    [shown] = (await api.get(f"/v1/problems/{problem}/reports")).json()["reports"]
    assert (shown["seal"], shown["why"]) == ("erased", "request")
    assert not found(PERSONAL, {"shown": json.dumps(shown, ensure_ascii=False).encode()})
    assert "erased: " in (await duban("problem", "show", problem)).stdout
    assert (await api.get(f"/v1/problems/{problem}/history")).json() == history
    # The very keys in the backup of the master key open nothing: those of the report are gone.
    assert not found(PERSONAL, await dumped(system))
