"""Anchors outside the database: whoever rewrites history with all rights on it, topic's memory gone, is found."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from duban.io.anchor_key import AnchorKey, is_signed_with
from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.anchors import Anchor, Anchored
from duban.messages.envelope import Message, encode
from duban.messages.events import GENESIS, LedgerEvent, chained
from duban.messages.report import Filed, Report
from duban.messages.struct import to_json
from duban_cli.identity import API_VARIABLE, KEY_VARIABLE
from duban_cli.system import System, running
from duban_console.kafka.topic_reader import looking
from duban_console.witnesses import anchors_on_topic
from tests.accounts import CUSTODIAN, signed_in
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import ROOT, SMALL

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    vault = {"DUBAN_VAULT_KEY": b64encode(b"\x17" * 32).decode()}
    env = {"*": {"DUBAN_ANCHOR_INTERVAL": "0.2"}, "gateway": vault, "vault": vault}
    publish = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "intake", "gateway", "api", "vault"], publish=publish, env=env) as found:
        yield found


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, against this engine; fails unless it ends with ``code``."""
    key = str(system.folder / "anchors.pem")
    return command_on(system, monkeypatch, DUBAN_VAULT=system.urls["vault"], DUBAN_ANCHOR_KEY=key)


async def registered(system: System) -> UUID:
    """A problem that two events have happened to, once it is anchored at the second."""
    problem_id = uuid4()
    report = Report(
        title="Black water", category="river", jurisdiction="smallville", channel="hotline", area="north-town"
    )
    filed = Filed(source="test", id=str(problem_id), received_at=datetime.now(UTC), report=report)
    await send(system, problem_id, do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed))
    await anchored(system, problem_id, 2)
    return problem_id


async def send(system: System, problem_id: UUID, command: do.Command) -> None:
    key = str(problem_id)
    publisher = Publisher(system.settings, "test")
    await publisher.publish(
        [encode(Message(f"{command.TYPE} {key}", "test", key, datetime.now(UTC), "smallville", key, command))]
    )
    await publisher.stop()


async def anchored(system: System, record: UUID, version: int) -> None:
    """Return when an anchor holds the record at that version."""

    async def holds() -> bool:
        heads = {(head.record, head.version) for anchor in await anchors(system) for head in anchor.heads}
        return (record, version) in heads

    await eventually(holds)


async def anchors(system: System, chain: Anchored = Anchored.LEDGER) -> list[Anchor]:
    async with aclosing(anchors_on_topic(system.settings)) as found:
        return [anchor async for _, anchor in found if anchor.chain is chain]


@asynccontextmanager
async def as_superuser(system: System) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection with every right, for which no trigger holds."""
    connection = await asyncpg.connect(system.superuser)
    try:
        await connection.execute("set session_replication_role = replica")
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def rewritten(system: System, problem_id: UUID, old: str, new: str) -> AsyncIterator[None]:
    """Meanwhile, another history stands there, every hash in it computed anew, and the head of its record."""
    async with as_superuser(system) as connection:
        await rewrite(connection, problem_id, old, new)
        try:
            yield
        finally:
            await rewrite(connection, problem_id, new, old)


async def rewrite(connection: asyncpg.Connection[asyncpg.Record], problem_id: UUID, old: str, new: str) -> None:
    rows = await connection.fetch(
        "select version, body from router.events where problem_id = $1 order by version", problem_id
    )
    head = GENESIS
    for row in rows:
        body = row["body"].replace(old, new)
        head = chained(head, body.encode())
        await connection.execute(
            "update router.events set body = $3, hash = decode($4, 'hex') where problem_id = $1 and version = $2",
            problem_id, row["version"], body, head,
        )  # fmt: skip
    await connection.execute("update router.records set head = decode($2, 'hex') where id = $1", problem_id, head)


async def forget_topic(system: System) -> None:
    """The topic's retention removes everything that it has told."""
    async with looking(system.settings, [LedgerEvent.TOPIC]) as consumer:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka)
    await admin.start()
    await admin.delete_records(
        {TopicPartition(*place): RecordsToDelete(before_offset=end) for place, end in ends.items()}
    )
    await admin.close()


async def test_a_ledger_that_nobody_touched_is_clean_whatever_was_appended_since_it_was_anchored(
    system: System, duban: Run, tmp_path: Path
) -> None:
    problem_id = await registered(system)
    file = tmp_path / "anchors.jsonl"
    file.write_text((await duban("ledger", "anchors")).stdout)
    key = (await duban("ledger", "key")).stdout.strip()
    await send(system, problem_id, do.Acknowledge(actor=do.Actor(unit="water")))
    await anchored(system, problem_id, 3)
    clean = await duban("ledger", "verify", "--against", file, "--public-key", key, "--json")
    assert lines(clean) == []
    assert "the ledger is what was written" in clean.stderr


async def test_every_anchor_is_signed_and_names_the_one_before_it(system: System, duban: Run) -> None:
    await registered(system)
    key = (await duban("ledger", "key")).stdout.strip()
    found = await anchors(system)
    assert all(is_signed_with(anchor, key) for anchor in found)
    previous = GENESIS
    for number, anchor in enumerate(found, start=1):
        assert (anchor.number, anchor.previous) == (number, previous)
        previous = anchor.hash


async def test_the_key_is_readable_by_its_owner_and_known_to_those_who_sign_alone(system: System) -> None:
    assert (system.folder / "anchors.pem").stat().st_mode & 0o777 == 0o600
    assert {name for name, pid in system.pids.items() if knows_key(pid)} == {"api", "intake", "router"}


def knows_key(pid: int) -> bool:
    return b"DUBAN_ANCHOR_KEY" in Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_history_that_a_superuser_wrote_anew_is_found_by_what_was_anchored_or_kept(
    system: System, duban: Run, tmp_path: Path
) -> None:
    problem_id = await registered(system)
    kept, heads, key = tmp_path / "anchors.jsonl", tmp_path / "heads.jsonl", tmp_path / "anchors.pub"
    kept.write_text((await duban("ledger", "anchors")).stdout)
    heads.write_text((await duban("ledger", "heads")).stdout)
    key.write_text((await duban("ledger", "key")).stdout)
    async with rewritten(system, problem_id, "Black water", "Clear water"):
        by_topic = lines(await duban("ledger", "verify", "--json", code=1))
        by_anchors = lines(await duban("ledger", "verify", "--no-topic", "--against", kept, "--json", code=1))
        by_heads = lines(await duban("ledger", "verify", "--no-topic", "--against", heads, "--json", code=1))
        said = await duban("ledger", "verify", "--public-key", key, code=1)
    line = {"record": str(problem_id), "version": 1}
    assert by_topic == [{**line, "what": "is another than the topic has", "evidence": "the topic"}]
    (one,) = by_anchors
    assert (one["record"], one["version"]) == (str(problem_id), 2)
    assert one["what"] == f"is another than {one['evidence']} has"
    assert one["evidence"].startswith("anchor ")
    assert [(one["record"], one["version"]) for one in by_heads] == [(str(problem_id), 2)]
    assert f"{problem_id} version 1 is another" in said.stdout
    assert lines(await duban("ledger", "verify", "--json")) == [], "what was written is back"


async def test_lines_that_a_superuser_put_in_are_found_because_nobody_told_them(system: System, duban: Run) -> None:
    problem_id = await registered(system)
    async with as_superuser(system) as connection:
        head = await connection.fetchval("select head from router.published_records where id = $1", problem_id)
        body = """{"a":"deed"}"""
        hash_ = chained(head, body.encode())
        await connection.execute(
            "insert into router.events values ($1, 3, now(), 'verified', $2, decode($3, 'hex'))",
            problem_id,
            body,
            hash_,
        )
        await connection.execute(
            "update router.records set version = 3, head = decode($2, 'hex') where id = $1", problem_id, hash_
        )
        (one,) = lines(await duban("ledger", "verify", "--json", code=1))
        await connection.execute("delete from router.events where problem_id = $1 and version = 3", problem_id)
        await connection.execute(
            "update router.records set version = 2, head = decode($2, 'hex') where id = $1", problem_id, head
        )
    assert (one["record"], one["version"], one["evidence"]) == (str(problem_id), 3, "the topic")
    assert "does not tell it" in one["what"]


async def test_an_anchor_of_another_key_is_found(system: System, duban: Run, tmp_path: Path) -> None:
    await registered(system)
    other = AnchorKey.made(tmp_path / "other.pem")
    found = await anchors(system)
    forged = other.signed(struct.replace(found[-1], number=found[-1].number + 1, previous=found[-1].hash))
    file = tmp_path / "anchors.jsonl"
    file.write_text("".join(f"{to_json(anchor).decode()}\n" for anchor in (*found, forged)))
    key = (await duban("ledger", "key")).stdout.strip()
    (one,) = lines(await duban("ledger", "verify", "--against", file, "--public-key", key, "--json", code=1))
    assert one["anchor"] == f"ledger/{forged.number}"
    assert "another key" in one["what"]
    assert f"line {len(found) + 1}" in one["evidence"]
    (first,) = lines(await duban("ledger", "verify", "--public-key", other.public, "--json", code=1))
    assert first["anchor"] == "ledger/1"
    assert "another key" in first["what"]


async def test_what_is_no_key_and_no_file_of_ours_ends_with_usage(system: System, duban: Run, tmp_path: Path) -> None:
    assert "duban ledger key" in (await duban("ledger", "verify", "--public-key", "none", code=2)).stderr
    (tmp_path / "heads").write_text("no head")
    assert "line 1" in (await duban("ledger", "verify", "--against", tmp_path / "heads", code=2)).stderr
    assert "chmod" in (await duban("ledger", "key", "--file", ROOT / "README.md", code=2)).stderr


async def test_the_vaults_log_written_anew_and_cut_off_by_a_superuser_is_found_by_its_anchors(
    system: System, duban: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (token := tmp_path / "token").touch(0o600)
    token.write_text(await signed_in(system, "li", CUSTODIAN))
    monkeypatch.setenv(API_VARIABLE, system.urls["api"])
    monkeypatch.setenv(KEY_VARIABLE, str(token))

    async def ask(id_: str) -> None:
        report = {"source": "s", "id": id_, "jurisdiction": "smallville", "channel": "hotline", "title": "Black water"}
        contact = {
            "category": "river",
            "area": "north-town",
            "contact": {"name": "Li"},
            "secret": "a word that nobody guesses",
        }
        async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as client:
            assert (await client.post("/v1/reports", json={**report, **contact})).status_code == 202
        await duban("vault", "ask", "s", id_, "--reason", "the first ground")

    await ask("1")
    await ask("2")

    async def holds() -> bool:
        return any(head.version == 2 for anchor in await anchors(system, Anchored.VAULT) for head in anchor.heads)

    await eventually(holds)
    key = (await duban("ledger", "key")).stdout.strip()
    file = tmp_path / "anchors.jsonl"
    file.write_text((await duban("ledger", "anchors")).stdout)
    clean = json.loads((await duban("vault", "verify", "--against", file, "--public-key", key, "--json")).stdout)
    assert (clean["whole"], clean["findings"]) == (True, [])
    async with as_superuser(system) as connection:
        rows = await connection.fetch("select number, body, previous, hash from intake.vault_log order by number")
        head = GENESIS
        for row in rows:
            body = row["body"].replace("the first ground", "another ground")
            before, head = head, chained(head, body.encode())
            await connection.execute(
                "update intake.vault_log set body = $2, previous = $3, hash = $4 where number = $1",
                row["number"], body, before, head,
            )  # fmt: skip
        anew = json.loads((await duban("vault", "verify", "--json", code=1)).stdout)
        await connection.execute("delete from intake.vault_log")
        await connection.executemany(
            "insert into intake.vault_log values ($1, $2, $3, $4)", [tuple(r) for r in rows[:1]]
        )
        cut = json.loads((await duban("vault", "verify", "--against", file, "--json", code=1)).stdout)
    assert anew["whole"], "the chain alone is whole"
    assert "is another than anchor" in anew["findings"][0]["what"]
    assert cut["whole"]
    assert (cut["findings"][0]["version"], cut["findings"][0]["what"][:10]) == (2, "is missing")


async def test_what_was_deleted_is_found_by_its_anchor_when_the_topic_has_forgotten_it(
    system: System, duban: Run, tmp_path: Path
) -> None:
    """The last test here: afterwards nothing is left of what the topic told."""
    gone, shortened = await registered(system), await registered(system)
    await forget_topic(system)
    assert lines(await duban("ledger", "verify", "--json")) == []
    async with as_superuser(system) as connection:
        await connection.execute("delete from router.events where problem_id = $1", gone)
        await connection.execute("delete from router.records where id = $1", gone)
        await connection.execute("delete from router.events where problem_id = $1 and version = 2", shortened)
        await connection.execute(
            """update router.records set version = 1, head = (select hash from router.events where problem_id = $1)
            where id = $1""",
            shortened,
        )
    found = lines(await duban("ledger", "verify", "--json", code=1))
    assert {(one["record"], one["version"]) for one in found} == {(str(gone), 2), (str(shortened), 2)}
    assert all(one["what"] == f"is missing, but {one['evidence']} has it" for one in found)
    assert all(one["evidence"].startswith("anchor ") for one in found)
