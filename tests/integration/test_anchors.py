"""Anchors outside the database: whoever rewrites history with all rights on it, topic's memory gone, is found."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from typer.testing import CliRunner, Result

from duban.io.anchor_key import AnchorKey, is_signed_with
from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.anchors import Anchor, Chain
from duban.messages.envelope import Message, encode
from duban.messages.events import GENESIS, LedgerEvent, chained
from duban.messages.report import Filed, Report
from duban_cli import app
from duban_cli.system import System, running
from duban_console.evidence import anchors_on_topic
from duban_console.kafka.topic_reader import looking
from duban_intake.domain import own_problem
from tests.given import ROOT, SMALL

pytestmark = pytest.mark.stack

Run = Callable[..., Awaitable[Result]]
Eventually = Callable[..., Awaitable[None]]


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    vault = {"DUBAN_VAULT_KEY": b64encode(b"\x17" * 32).decode(), "DUBAN_VAULT_CUSTODIANS": "li, wang"}
    env = {"*": {"DUBAN_ANCHOR_INTERVAL": "0.2"}, "gateway": vault}
    publish = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "intake", "gateway"], publish=publish, env=env) as found:
        yield found


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, against this engine; fails unless it ends with ``code``."""
    for name, value in {
        "DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": system.database, "DUBAN_GATEWAY": system.urls["gateway"],
        "DUBAN_ANCHOR_KEY": str(system.folder / "anchors.pem"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async def run(*arguments: object, code: int = 0) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, [*map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    return run


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


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
    async with asyncio.timeout(30):
        while not any(
            (head.record, head.version) == (record, version) for anchor in await anchors(system) for head in anchor.heads
        ):
            await asyncio.sleep(0.1)


async def anchors(system: System, chain: Chain = Chain.LEDGER) -> list[Anchor]:
    async with aclosing(anchors_on_topic(system.settings)) as found:
        return [anchor async for _, anchor in found if anchor.chain is chain]


async def rewritten(system: System, problem_id: UUID, old: str, new: str) -> None:
    """Write another history with the rights of a superuser, every hash in it computed anew."""
    connection = await asyncpg.connect(system.database)
    rows = await connection.fetch(
        "select version, body from router.events where problem_id = $1 order by version", problem_id
    )
    head = GENESIS
    async with connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        for row in rows:
            body = row["body"].replace(old, new)
            hash_ = chained(head, body.encode())
            await connection.execute(
                "update router.events set body = $3, previous = $4, hash = $5 where problem_id = $1 and version = $2",
                problem_id, row["version"], body, head, hash_,
            )  # fmt: skip
            head = hash_
        await connection.execute("update router.records set head = $2 where id = $1", problem_id, head)
    await connection.close()


async def forget_topic(system: System) -> None:
    """The topic's retention removes everything that it has told."""
    async with looking(system.settings, [LedgerEvent.TOPIC]) as consumer:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(*place): RecordsToDelete(before_offset=end) for place, end in ends.items()})
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


async def test_a_router_that_was_killed_goes_on_in_the_chain(system: System, duban: Run) -> None:
    await registered(system)
    await system.kill("router")
    await registered(system)
    assert lines(await duban("ledger", "verify", "--json")) == []
