"""Escalation as a process, on a broker of its own: a story on the driven clock, and notices to a real receiver."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
import standardwebhooks
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages.commands import COMMANDS, Command, Escalate
from duban.messages.envelope import AnyPayload, Message, decode, derived_id, encode
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.notices import Notice, Tick
from duban.messages.records import Deadline
from duban.messages.report import Filed
from duban.messages.sources import RegisteredSource
from duban.moves import Status
from duban.policy import PublishedCalendar, load_calendar, load_pack
from duban_local import topics
from duban_local.kafka import Broker
from duban_local.stack import silent
from duban_router.domain.decision import Decided
from tests.conftest import Migrated, eventually
from tests.given import INTAKE, ROOT, SMALL, Case, report

pytestmark = pytest.mark.stack

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLBACK_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest_asyncio.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("kafka")
    broker = Broker(folder, 0, log=folder / "kafka.log", say=silent)
    await broker.start()
    try:
        await topics.apply(broker.address)
        publisher = Publisher(Settings(kafka=broker.address), "tests")
        await publisher.start()
        world = World(broker.address, publisher)
        calendar = load_calendar((ROOT / "deploy/calendars/cn.yaml").read_text("utf-8"), "cn.yaml")
        await world.publish(load_pack(SMALL.read_text("utf-8"), SMALL.name), AT)
        await world.publish(PublishedCalendar(notice=calendar), AT)
        yield world
        await publisher.stop()
    finally:
        await broker.stop()


@dataclass
class World:
    """The broker with all topics, and what the tests put on them and find there."""

    kafka: str
    publisher: Publisher

    async def publish(self, data: AnyPayload, at: datetime, subject: str = "tests") -> None:
        await self.publisher.publish([encode(Message(str(at), "tests", subject, at, "smallville", subject, data))])

    async def tell(self, case: Case) -> None:
        """Publish the latest event of ``case`` with the state after it, as the router does."""
        data = LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem)
        await self.publish(data, case.now, case.id)

    async def records(self, topic: str) -> list[Any]:
        """Everything on ``topic``."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Any] = []
            while len(found) < sum(ends.values()):
                found += [one for batch in (await consumer.getmany(timeout_ms=200)).values() for one in batch]
            return found
        finally:
            await consumer.stop()

    async def escalates(self, case: Case) -> list[Message[Escalate]]:
        """The Escalates of ``case``, in the order of their topic."""
        found = [decode(one.key, one.value, one.headers, COMMANDS) for one in await self.records(Command.TOPIC)]
        return [one for one in found if isinstance(one.data, Escalate) and one.subject == case.id]  # type: ignore[misc]

    async def quiet(self, suffix: str, *clock: str) -> None:
        """Return when neither group has anything left to do."""
        groups = {"duban-escalation": (LedgerEvent.TOPIC, *clock), "duban-deliverer": (Notice.TOPIC,)}
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        await admin.start()
        await consumer.start()
        try:
            for group, read in groups.items():
                places = [TopicPartition(name, number) for name in read for number in await parts(admin, name)]

                async def done(group: str = group + suffix, places: Sequence[TopicPartition] = places) -> bool:
                    try:
                        committed = await admin.list_consumer_group_offsets(group)
                    except GroupCoordinatorNotAvailableError:  # the first group of a broker has to wait for its topic
                        return False
                    ends = await consumer.end_offsets(places)
                    return all(end == 0 or (p in committed and committed[p].offset >= end) for p, end in ends.items())

                await eventually(done, within=60)
        finally:
            await consumer.stop()
            await admin.close()


async def delivered(database: str) -> None:
    """Return when no notice waits any more."""

    async def holds() -> bool:
        return not await connection.fetchval("select count(*) from escalation.deliveries where outcome is null")

    connection = await asyncpg.connect(database)
    try:
        await eventually(holds)
    finally:
        await connection.close()


async def parts(admin: AIOKafkaAdminClient, topic: str) -> list[int]:
    (described,) = await admin.describe_topics([topic])
    return [one["partition"] for one in described["partitions"]]


@asynccontextmanager
async def escalation(world: World, database: str, suffix: str, **more: str) -> AsyncIterator[Process]:
    """The service as a process; killed at the end if it has not ended."""
    settings = {
        "DUBAN_KAFKA": world.kafka,
        "DUBAN_DATABASE": database,
        "DUBAN_GROUP_SUFFIX": suffix,
        "DUBAN_HEALTH_PORT": "0",
        "DUBAN_SESSION_TIMEOUT": "6",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_escalation", env={**os.environ, **settings, **more}, stdout=DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def case_of(name: str, at: datetime = AT) -> Case:
    """A problem of this test's own, dispatched at ``at``."""
    case = Case(at)
    case.id = str(derived_id("case", name))
    case.registered(report(category="river"))
    assert case.problem.status is Status.DISPATCHED
    return case


def climbed(case: Case, named: Escalate) -> None:
    """The router's answer to a command."""
    deadline = case.deadline(named.obligation)
    assert (deadline.generation, deadline.level) == (named.generation, named.level)
    assert isinstance(case.escalate(deadline), Decided)


def soonest(case: Case) -> Deadline:
    return case.problem.deadlines[0]


async def test_a_story_on_the_driven_clock_fires_each_level_once_at_its_instant_even_across_a_kill(
    world: World, migrated: Migrated, tmp_path: Path
) -> None:
    case, file = case_of("driven"), tmp_path / "notices.jsonl"
    driven = {"DUBAN_CLOCK": "driven", "DUBAN_NOTICES_FILE": str(file)}
    expected: list[tuple[str, int, datetime]] = []

    async def step(at: datetime) -> list[Message[Escalate]]:
        await world.publish(Tick(at=at), at)
        await world.quiet("-driven", Tick.TOPIC)
        return (await world.escalates(case))[len(expected) :]

    async def climb() -> None:
        deadline = soonest(case)
        assert await step(deadline.due_at - TICK) == []
        (fired,) = await step(deadline.due_at)
        expected.append((deadline.obligation, deadline.level, deadline.due_at))
        case.now = deadline.due_at
        climbed(case, fired.data)
        await world.tell(case)

    await world.publish(Tick(at=AT), AT)
    await world.tell(case)
    async with escalation(world, migrated.url_of("escalation"), "-driven", **driven) as service:
        for _ in range(3):
            await climb()
        await world.quiet("-driven", Tick.TOPIC)
        await delivered(migrated.superuser)
        service.send_signal(signal.SIGKILL)
        await service.wait()
    async with escalation(world, migrated.url_of("escalation"), "-driven", **driven):
        # Nothing ticks after the restart: the clock shows what it showed, so what is armed late fires at that instant.
        late = case_of("armed late")
        await world.tell(late)
        await world.quiet("-driven", Tick.TOPIC)
        assert {one.time for one in await world.escalates(late)} == {case.now}
        while case.problem.deadlines:
            await climb()
        await world.quiet("-driven", Tick.TOPIC)
        await delivered(migrated.superuser)

    fired = await world.escalates(case)
    assert [(one.data.obligation, one.data.level, one.time) for one in fired] == expected
    assert len({one.id for one in fired}) == len(expected) > 3
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    told = [one["id"] for one in lines if one["subject"] == case.id]
    recipients = [(event.version, unit) for event in case.events for unit in getattr(event.change, "to", ())]
    wanted = [str(derived_id("notice", UUID(case.id), version, unit)) for version, unit in recipients]
    assert sorted(told) == sorted(wanted)


@dataclass
class Receiver:
    """A receiver of webhooks on loopback: each request gets the next of ``answers``, then 204."""

    answers: list[int]
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.answers.pop(0) if self.answers else 204
        self.requests.append((headers, body))
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def test_what_is_overdue_at_the_start_is_fired_and_its_notices_reach_a_receiver_that_failed_at_first(
    world: World, migrated: Migrated, tmp_path: Path
) -> None:
    case = case_of("webhook")
    receiver = Receiver([500, 500])
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    webhook = {
        "DUBAN_WEBHOOK_URL": f"http://127.0.0.1:{port}/notices",
        "DUBAN_WEBHOOK_SECRET": SECRET,
        "DUBAN_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    await world.tell(case)
    hotline, file = Receiver([500]), tmp_path / "secrets.yaml"
    address = await asyncio.start_server(hotline.serve, "127.0.0.1", 0)
    callback = f"http://127.0.0.1:{address.sockets[0].getsockname()[1]}/duban"
    await world.publish(RegisteredSource(name="hotline", jurisdiction="smallville", callback=callback), AT, "hotline")
    file.write_text(f"hotline: {CALLBACK_SECRET}\n", "utf-8")
    webhook["DUBAN_CALLBACK_SECRETS"] = str(file)
    called = Case(AT)
    called.id = str(derived_id("case", "called back"))
    filed = Filed(source="hotline", id="WO-1", received_at=AT, report=report(category="river"))
    called.apply(do.Register(actor=INTAKE, filed=filed))
    for event in called.events:
        await world.publish(LedgerEvent(event=event, hash=GENESIS, problem=called.problem), AT, called.id)

    async def fired(count: int) -> list[Message[Escalate]]:
        async def holds() -> bool:
            return len({one.id for one in await world.escalates(case)}) >= count

        await eventually(holds, within=60)
        return list({one.id: one for one in await world.escalates(case)}.values())

    async with server, address, escalation(world, migrated.url_of("escalation"), "-webhook", **webhook) as service:
        first = await fired(len(case.problem.deadlines))
        assert {one.data.obligation for one in first} == {one.obligation for one in case.problem.deadlines}
        case.now = datetime.now(UTC)
        climbed(case, first[0].data)
        await world.tell(case)
        await world.quiet("-webhook")
        await delivered(migrated.superuser)
        service.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(service.wait(), 60) == 0

    told = [standardwebhooks.Webhook(CALLBACK_SECRET).verify(body, headers) for headers, body in hotline.requests]
    assert [(one["type"], one["data"]["report"]) for one in told] == [
        ("duban.report.registered", "WO-1"), ("duban.report.registered", "WO-1"), ("duban.report.dispatched", "WO-1"),
    ]  # fmt: skip
    mine = [(headers, body) for headers, body in receiver.requests if case.id in body.decode()]
    bodies = [standardwebhooks.Webhook(SECRET).verify(body, headers) for headers, body in receiver.requests]
    assert {one["type"] for one in bodies} == {Notice.TYPE}
    version = case.problem.version
    wanted = {str(derived_id("notice", UUID(case.id), version, unit)) for unit in case.events[-1].change.to}  # type: ignore[union-attr]
    assert {headers["webhook-id"] for headers, _ in mine} == wanted
    # Two answers were 500, so two posts were repeated; nothing else was.
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert len(ids) - len(set(ids)) == 2
