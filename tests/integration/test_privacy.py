"""Personal data on the real stack: what a report says is sealed, shown to whoever may see it, and erased everywhere."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr

from duban.io.evidence.folder import FolderStore
from duban.io.postgres import connect_pool
from duban.io.report_keys import ReportKeys
from duban.io.settings import Settings
from duban.messages.report import Report
from duban.policy.plain_data import plain_data
from duban_cli.connection import EVIDENCE, REPORT_KEY
from duban_cli.system import System
from duban_console.kafka.topic_reader import records, topics_of
from duban_intake.evidence_seal import EvidenceSeal, EvidenceSealer
from duban_intake.store import SCHEMA
from duban_local.postgres import binaries
from tests.accounts import CUSTODIAN, OWN, signed_in
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.evidence import photo, seal, written
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
        system, monkeypatch, DUBAN_VAULT=system.urls["vault"], DUBAN_REPORT_KEY=str(system.folder / REPORT_KEY),
        DUBAN_EVIDENCE=str(system.folder / EVIDENCE),
    )  # fmt: skip


@pytest.fixture
async def custodian(system: System, duban: Run) -> Run:
    """A command of the vault, by a custodian who signs in for it."""
    name = f"an-{uuid4().hex[:8]}"
    await signed_in(system, name, CUSTODIAN)

    async def acting(*arguments: object) -> Any:
        return await duban("vault", *arguments, "--as", name, stdin=f"{OWN}\n")

    return acting


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
    return (await handed_in(gateway, api, id_, **changed))["problem_id"]  # type: ignore[no-any-return]


async def handed_in(gateway: httpx2.AsyncClient, api: httpx2.AsyncClient, id_: str, **changed: Any) -> dict[str, Any]:
    """What the gateway answers to a report of Sealville, once its problem stands in the ledger."""
    place = {"jurisdiction": "sealville", "channel": "hotline", "category": "river", "area": "north-town"}
    report = {"source": "hotline", "id": id_, **place, **SAID, **changed}
    answer = await gateway.post("/v1/reports", json=report)
    assert answer.status_code == 202, answer.text
    problem: str = answer.json()["problem_id"]

    async def stands() -> bool:
        return (await api.get(f"/v1/problems/{problem}")).status_code == 200

    await eventually(stands)
    answered: dict[str, Any] = answer.json()
    return answered


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


def found_bytes(data: bytes, kept: dict[str, bytes]) -> set[str]:
    """Where a part of ``data`` stands that no other photo has: the last 48 bytes before its end marker."""
    part = data[-50:-2]
    in_base64 = {b64encode(bytes(pad) + part)[-(-8 * pad // 6) : 8 * (pad + 48) // 6] for pad in range(3)}
    return {place for place, held in kept.items() if any(form in held for form in {part, *in_base64})}


async def rounds_of_evidence(system: System) -> None:
    """Have done at once what intake does with files every half a minute."""
    pool = await connect_pool(Settings(database=SecretStr(system.stack.database_of("intake"))), SCHEMA)
    keys = ReportKeys.load(system.folder / REPORT_KEY)
    await EvidenceSealer(pool, EvidenceSeal(FolderStore(system.folder / EVIDENCE), keys)).round()
    await pool.close()


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
    system: System,
    gateway: httpx2.AsyncClient,
    api: httpx2.AsyncClient,
    duban: Run,
    custodian: Run,
    tmp_path: Path,
) -> None:
    await duban("pack", "publish", sealed_pack(tmp_path))
    id_ = uuid4().hex
    data = photo(noise=id_)
    [put] = lines(await duban("evidence", "put", written(tmp_path, data), "--json"))
    pictured = [{"uri": put["uri"], "sha256": put["sha256"], "title": "李四海家.jpg"}]
    # The search finds it for as long as no report speaks of it: from then on intake may seal it at any moment.
    assert found_bytes(data, await dumped(system))
    problem = await taken(gateway, api, id_, contact=CONTACT, secret="nobody guesses it", evidence=pictured)

    standing = (await api.get(f"/v1/problems/{problem}")).json()
    assert "李四海" not in standing["title"]
    history = (await api.get(f"/v1/problems/{problem}/history")).json()
    assert history["verified"]
    assert not found(PERSONAL, {"history": json.dumps(history, ensure_ascii=False).encode()})
    [shown] = (await api.get(f"/v1/problems/{problem}/reports")).json()["reports"]
    assert shown["seal"] == "opened"
    assert {name: shown["report"][name] for name in SAID} == SAID
    assert shown["report"]["evidence"] == pictured
    assert "王小明明" in (await duban("problem", "show", problem)).stdout
    await rounds_of_evidence(system)
    kept = await dumped(system)
    assert not found(PERSONAL, kept)
    assert not found_bytes(data, kept)
    assert found((problem,), kept)  # what is kept of it is in there
    original = f"/v1/evidence/{seal(data)}/original"
    assert (await api.get(original)).content == data
    assert (await api.get(f"/v1/evidence/{seal(data)}")).json()["size"] == len(data)
    assert (await duban("evidence", "get", pictured[0]["uri"])).stdout_bytes == data
    assert "the store has what the ledger names" in (await duban("evidence", "verify")).stderr

    erased = lines(await custodian("erase", "hotline", id_, "--reason", "asked for", "--json"))
    assert erased[0]["classes"] == ["contact", "content", "evidence"]
    assert (await api.get(original)).status_code == 410
    await rounds_of_evidence(system)
    assert (await api.get(original)).status_code == 410
    assert "1 erased" in (await duban("evidence", "verify")).stderr
    assert not list((system.folder / EVIDENCE).rglob(seal(data)))
    [shown] = (await api.get(f"/v1/problems/{problem}/reports")).json()["reports"]
    assert (shown["seal"], shown["why"]) == ("erased", "request")
    assert not found(PERSONAL, {"shown": json.dumps(shown, ensure_ascii=False).encode()})
    assert "erased: " in (await duban("problem", "show", problem)).stdout
    assert (await api.get(f"/v1/problems/{problem}/history")).json() == history
    # The very keys in the backup of the master key open nothing: those of the report are gone.
    kept = await dumped(system)
    assert not found(PERSONAL, kept)
    assert not found_bytes(data, kept)


async def test_whoever_has_the_code_is_told_all_that_is_kept_and_has_it_erased_by_a_custodian(
    system: System,
    gateway: httpx2.AsyncClient,
    api: httpx2.AsyncClient,
    duban: Run,
    custodian: Run,
    tmp_path: Path,
) -> None:
    await duban("pack", "publish", sealed_pack(tmp_path))
    id_ = uuid4().hex
    answer = await handed_in(gateway, api, id_, contact=CONTACT, secret="nobody guesses it")
    of = {"source": "hotline", "id": id_, "code": answer["code"]}
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60) as nobody:
        told = (await nobody.post("/v1/reports/export", json=of)).json()
        assert {name: told["report"]["report"][name] for name in SAID} == SAID
        assert (told["problem"]["status"], told["outcome"]) == ("dispatched", "accepted")
        assert "kept_until" not in told["contact"] | told["content"]
        assert "evidence" not in told
        for wrong in ({**of, "code": "7K3M-9XQ2-TR5A-0WZD"}, {**of, "id": "another"}):
            refused = await nobody.post("/v1/reports/export", json=wrong)
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_report")
            assert (await gateway.post("/v1/erasures", json=wrong)).status_code == 404

        asked = await gateway.post("/v1/erasures", json=of)
        assert asked.status_code == 202, asked.text
        assert (await gateway.post("/v1/erasures", json=of)).json() == asked.json()
        [request] = [one for one in lines(await duban("vault", "requests", "--json")) if one["id"] == id_]
        assert request["asked_at"] == asked.json()["asked_at"]
        await custodian("erase", "hotline", id_, "--reason", "asked for")
        assert id_ not in (await duban("vault", "requests", "--json")).stdout
        told = (await nobody.post("/v1/reports/export", json=of)).json()
    assert told["report"]["seal"] == "erased"
    assert "erased_at" in told["contact"]
    assert "erased_at" in told["content"]
    assert not found(PERSONAL, {"told": json.dumps(told, ensure_ascii=False).encode()})

    # A backup from before that is restored knows nothing of it: the log that was kept elsewhere does.
    log = tmp_path / "log.jsonl"
    log.write_text((await duban("vault", "log", "--json")).stdout)
    again = await custodian("reapply", log)
    assert "0 erased again" in again.stderr
