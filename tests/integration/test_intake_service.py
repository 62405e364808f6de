"""Intake and its gateway on a real broker and database: reports in, commands out, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from duban.clock import SystemClock
from duban.io.consumer import Handler, Runner, Source
from duban.io.http import Http
from duban.io.postgres import connect_pool
from duban.io.publisher import Publisher
from duban.io.secrets_file import SecretsFile
from duban.io.settings import Settings
from duban.messages import struct
from duban.messages.commands import COMMANDS, Attach, Command, Register
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Record, decode, encode
from duban.messages.events import Refused
from duban.messages.readings import READINGS, StationReadings
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban.messages.struct import plain
from duban.policy import PublishedCalendar, load_calendar, load_pack
from duban.policy.library import Library
from duban_cli.devices.device import SendTally
from duban_cli.devices.fleet import Fleet
from duban_cli.devices.series import load_series
from duban_console.sources import key_as_registered, new_key
from duban_console.sources import record as record_of
from duban_intake.domain import ReportOutcome, own_problem, submitted
from duban_intake.gateway.app import EXAMPLE, create_app
from duban_intake.gateway.batcher import Batching
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.ledger import PublicLedger
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.gateway.settings import GatewaySettings
from duban_intake.handlers import ANSWERS, AnswerHandler, ReportHandler
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.store import SCHEMA, PostgresStore
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.store import PostgresVault
from duban_local import topics
from duban_local.children import free_port
from duban_local.kafka import Broker
from duban_local.stack import silent
from tests.conftest import Migrated, Stack, eventually
from tests.given import ROOT, SMALL, report, small_library

pytestmark = pytest.mark.stack

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
OPEN = RegisteredSource(name="demo", is_open=True)
HERE = {"latitude": 30.25, "longitude": 120.17}
Pools: TypeAlias = "tuple[asyncpg.Pool[asyncpg.Record], asyncpg.Pool[asyncpg.Record]]"


@dataclass(frozen=True)
class World:
    """A broker with all topics and the small pack."""

    kafka: str
    publisher: Publisher

    async def records(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything on ``topic``."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[ConsumerRecord[bytes, bytes]] = []
            while len(found) < sum(ends.values()):
                found += [one for batch in (await consumer.getmany(timeout_ms=200)).values() for one in batch]
            return found
        finally:
            await consumer.stop()


@pytest_asyncio.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("kafka")
    broker = Broker(folder, 0, log=folder / "kafka.log", say=silent)
    await broker.start()
    try:
        await topics.apply(broker.address)
        publisher = Publisher(Settings(kafka=broker.address), "tests")
        await publisher.start()
        calendar = load_calendar((ROOT / "deploy/calendars/cn.yaml").read_text("utf-8"), "cn.yaml")
        for data in (load_pack(SMALL.read_text("utf-8"), SMALL.name), PublishedCalendar(notice=calendar)):
            await publisher.publish([encode(Message(data.TYPE, "tests", "small", AT, "smallville", data.TYPE, data))])
        yield World(broker.address, publisher)
        await publisher.stop()
    finally:
        await broker.stop()


@pytest.fixture
async def pools(migrated: Migrated) -> AsyncIterator[Pools]:
    """The connections of intake and of its gateway, each by its own role."""
    intake, gateway = [
        await connect_pool(Settings(database=SecretStr(migrated.url_of(name))), SCHEMA)
        for name in ("intake", "gateway")
    ]
    yield intake, gateway
    await intake.close()
    await gateway.close()


@pytest.fixture
def source() -> str:
    """A source of this test's own."""
    return f"热线/{uuid4().hex[:8]}"


@dataclass(frozen=True)
class Lane:
    """Topics of one test's own, between which intake runs; its group begins anew with each number."""

    world: World
    pool: asyncpg.Pool[asyncpg.Record]
    gateway_pool: asyncpg.Pool[asyncpg.Record]
    name: str

    @property
    def reports(self) -> str:
        return f"{self.name}.reports"

    @property
    def problems(self) -> str:
        return f"{self.name}.problems"

    @property
    def commands(self) -> str:
        return f"{self.name}.commands"

    def dead(self, number: int) -> str:
        return f"{self.reports}.intake-{number}.dlq"

    async def send(self, topic: str, *messages: Message[Any]) -> list[Record]:
        records = [struct.replace(encode(message), topic=topic) for message in messages]
        await self.world.publisher.publish(records)
        return records

    async def work(self, number: int, takes: int) -> None:
        """Run intake until it has committed ``takes`` records, then to an orderly end."""
        store, library = PostgresStore(self.pool), small_library()
        taken = 0

        def into(handle: Handler) -> Handler:
            async def handled(batch: Sequence[Delivery[Any]]) -> Sequence[Record | SetAside]:
                nonlocal taken
                found = await handle(batch)
                taken += len(batch)
                return [struct.replace(one, topic=self.commands) if isinstance(one, Record) else one for one in found]

            return handled

        reports = into(ReportHandler(store, library, SystemClock()))
        runner = Runner(
            Settings(kafka=self.world.kafka, batch_size=50),
            f"intake-{number}",
            [
                Source((self.reports,), {Report.TYPE: Report}, reports),
                Source((self.problems,), ANSWERS, into(AnswerHandler(store, library))),
            ],
            self.world.publisher,
        )
        running = asyncio.create_task(runner.run())
        try:
            await eventually(lambda: running.done() or taken >= takes, within=60)
        finally:
            runner.stop()
            await running

    async def tables(self) -> list[list[tuple[Any, ...]]]:
        """Every row of intake, with the transaction that wrote it."""
        names = ("receipts", "refusals", "places")
        return [
            sorted(map(tuple, await self.pool.fetch(f"select xmin::text, t::text from intake.{name} t")))
            for name in names
        ]


@pytest.fixture
async def lane(world: World, pools: Pools) -> Lane:
    lane = Lane(world, *pools, f"test.{uuid4().hex[:8]}")
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka)
    await admin.start()
    stamped = {"message.timestamp.type": "LogAppendTime"}
    parts = {lane.reports: 3, lane.problems: 2, lane.commands: 2, lane.dead(1): 1, lane.dead(2): 1}
    await admin.create_topics([NewTopic(name, count, 1, topic_configs=stamped) for name, count in parts.items()])
    await admin.close()
    return lane


def decoded(records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[Message[Any]]:
    return [decode(one.key, one.value, one.headers, COMMANDS) for one in records]


def raw(one: ConsumerRecord[bytes, bytes]) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]:
    return one.key, one.value, tuple(one.headers)


def reports(source: str) -> list[Message[Report]]:
    """Sixty good reports, of which the last twenty repeat one place; then one that no pack knows, and another body."""
    good = [submitted(source, f"编号 {n}", report(title=f"report {n}"), AT) for n in range(40)]
    same = [submitted(source, f"same {n}", report(location=HERE), AT) for n in range(20)]
    unknown = submitted(source, "unknown", report(area="moon"), AT)
    other = submitted(source, "编号 0", report(title="something else"), AT)
    return [*good, *same, unknown, other]


async def test_each_report_gives_one_command_or_a_dead_letter_byte_for_byte(lane: Lane, source: str) -> None:
    sent = await lane.send(lane.reports, *reports(source))
    await lane.work(1, len(sent))

    commands = decoded(await lane.world.records(lane.commands))
    registers = [one for one in commands if isinstance(one.data, Register)]
    attaches = [one for one in commands if isinstance(one.data, Attach)]
    assert {one.data.filed.id for one in commands} == {message.id for message in reports(source)} - {"unknown"}
    assert (len(registers), len(attaches)) == (41, 19)
    assert all(one.subject == str(own_problem(source, one.data.filed.id)) for one in registers)
    assert {one.subject for one in attaches} <= {one.subject for one in registers}

    dead = await lane.world.records(lane.dead(1))
    assert {(one.key, one.value) for one in dead} == {(one.key, one.value) for one in sent[-2:]}
    codes = {dict(one.headers)["ce_id"].decode(): dict(one.headers)["duban.dlq.code"] for one in dead}
    assert codes == {"unknown": b"unknown_area", "编号 0": b"other_body"}
    reasons = {dict(one.headers)["__streams.errors.message"].decode() for one in dead}
    assert any("small@1 has no area moon" in reason for reason in reasons)


async def test_what_is_no_report_takes_no_id_so_that_it_can_be_sent_again_mended(lane: Lane, source: str) -> None:
    mended = submitted(source, "42", report(), AT)
    record = struct.replace(encode(mended), topic=lane.reports)
    broken = [
        struct.replace(record, value=b'{"title": '),
        struct.replace(record, value=b'{"title": "no more than that"}'),
    ]
    await lane.world.publisher.publish(broken)
    await lane.send(lane.reports, mended)
    await lane.work(1, 1)
    assert [message.data.filed.id for message in decoded(await lane.world.records(lane.commands))] == ["42"]
    store = PostgresStore(lane.pool)
    receipt = await store.receipt(own_problem(source, "42"))
    assert receipt is not None
    assert receipt.outcome is ReportOutcome.ACCEPTED
    dead = await lane.world.records(lane.dead(1))
    assert [raw(letter)[1] for letter in dead] == [letter.value for letter in broken]
    assert {dict(letter.headers)["ce_id"] for letter in dead} == {b"42"}
    assert all(dict(letter.headers)["__streams.errors.message"] for letter in dead)


async def test_a_batch_that_comes_again_writes_nothing_and_publishes_the_same(lane: Lane, source: str) -> None:
    sent = await lane.send(lane.reports, *reports(source)[:60])
    await lane.work(1, len(sent))
    written, published = await lane.tables(), await lane.world.records(lane.commands)

    await lane.work(2, len(sent))
    again = await lane.world.records(lane.commands)
    assert await lane.tables() == written
    assert len(published) == 60
    assert Counter(map(raw, again)) == Counter([raw(one) for one in published] * 2)


async def test_a_report_that_the_router_would_not_attach_is_registered_for_itself(lane: Lane, source: str) -> None:
    await lane.send(lane.reports, *(submitted(source, str(n), report(location=HERE), AT) for n in range(2)))
    await lane.work(1, 2)
    [attach] = [one for one in decoded(await lane.world.records(lane.commands)) if isinstance(one.data, Attach)]
    no = Refused(
        command=attach.id, command_type=Attach.TYPE, actor=attach.data.actor, at=AT, code="illegal_move",
        reason="a problem that is closed cannot be attached", filed=attach.data.filed,
    )  # fmt: skip
    await lane.send(lane.problems, Message("no", "duban/router", attach.subject, AT, "smallville", attach.subject, no))
    await lane.work(1, 1)

    own = own_problem(source, attach.data.filed.id)
    [register] = [one for one in decoded(await lane.world.records(lane.commands)) if one.subject == str(own)]
    assert isinstance(register.data, Register)
    receipt = await PostgresStore(lane.pool).receipt(own)
    assert receipt is not None
    assert (receipt.outcome, receipt.problem_id) == (ReportOutcome.ACCEPTED, own)


@asynccontextmanager
async def gateway(
    publisher: Publisher,
    pool: asyncpg.Pool[asyncpg.Record],
    topic: str,
    batches: list[int] | None = None,
    sources: Sequence[RegisteredSource] = (OPEN,),
    **changed: Any,
) -> AsyncIterator[httpx2.AsyncClient]:
    """The gateway on a real socket, publishing to ``topic``; ``batches`` learns how many records went together."""
    settings = GatewaySettings(gateway_port=free_port(), **changed)

    async def publish(records: Sequence[Record]) -> None:
        if batches is not None:
            batches.append(len(records))
        await publisher.publish([struct.replace(one, topic=topic) for one in records])

    batching = Batching(publish, settings.gateway_patience)
    vault = Vault(PostgresVault(pool), SystemClock(), DeskSettings(settings.keyring()))
    registry = SourceRegistry()
    for known in sources:
        registry.put(known)
    door = ReportDoor(
        batching.put,
        publisher.check,
        SystemClock(),
        vault,
        registry,
        time.monotonic,
        PostgresStore(pool),
        SecretsFile(None),
        SourceJournal(None, SystemClock()),
    )
    app = create_app(door, PublicFace(Library(), PublicLedger(pool)), settings.max_body)
    http = Http(app, settings, settings.gateway_port, "DUBAN_GATEWAY_PORT", beside=batching)
    running = asyncio.create_task(http.run())
    try:
        await eventually(lambda: http.listening)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{settings.gateway_port}", timeout=60) as client:
            yield client
    finally:
        http.stop()
        await running


def body(source: str, id_: str = "1", **changed: Any) -> dict[str, Any]:
    return {"source": source, "id": id_, **plain(report()), **changed}


async def test_a_report_is_accepted_once_the_broker_has_it_and_its_receipt_follows(lane: Lane, source: str) -> None:
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        answer = await client.post("/v1/reports", json=body(source, "a/1", location=HERE))
        assert answer.status_code == 202
        assert answer.json()["problem_id"] == str(own_problem(source, "a/1"))
        [record] = await lane.world.records(lane.reports)
        message = decode(record.key, record.value, record.headers, {Report.TYPE: Report})
        assert (message.source, message.id, message.data) == (source, "a/1", report(location=HERE))

        status = answer.json()["status_url"]
        early = await client.get(status)
        assert (early.status_code, early.json()["error"]["code"]) == (404, "unknown_report")
        await lane.work(1, 1)
        became = (await client.get(status)).json()
        assert (became["id"], became["outcome"], became["problem_id"]) == (
            "a/1", "accepted", str(own_problem(source, "a/1")),
        )  # fmt: skip


async def test_a_refused_report_is_answered_with_the_reason(lane: Lane, source: str) -> None:
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        answer = await client.post("/v1/reports", json=body(source, area="moon"))
        await lane.work(1, 1)
        became = (await client.get(answer.json()["status_url"])).json()
        assert (became["outcome"], became["code"], became["problem_id"]) == ("refused", "unknown_area", None)
        assert "small@1 has no area moon" in became["reason"]


async def test_cloudevents_are_taken_over_http(lane: Lane, source: str) -> None:
    data = plain(report())
    event = {"specversion": "1.0", "id": "2", "source": source, "type": Report.TYPE, "data": data}
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": quote(source), "ce-type": Report.TYPE}
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        answers = [
            await client.post("/v1/reports", json=data, headers=binary),
            await client.post(
                "/v1/reports", content=json.dumps(event), headers={"content-type": "application/cloudevents+json"}
            ),
        ]
        assert [(one.status_code, one.json()["source"], one.json()["id"]) for one in answers] == [
            (202, source, "1"), (202, source, "2"),
        ]  # fmt: skip


async def test_requests_that_arrive_together_reach_the_broker_together(lane: Lane, source: str) -> None:
    batches: list[int] = []
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports, batches) as client:
        answers = await asyncio.gather(*(client.post("/v1/reports", json=body(source, str(n))) for n in range(60)))
        assert {one.status_code for one in answers} == {202}
        assert sum(batches) == 60
        assert len(batches) < 60
    assert len(await lane.world.records(lane.reports)) == 60


async def test_what_the_gateway_cannot_take_is_refused_with_the_field_and_never_published(
    lane: Lane, source: str
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports, max_body=10_000) as client:
        kind = {"content-type": "application/json"}

        async def fault(content: Any, headers: dict[str, str] = kind) -> tuple[int, str, str | None]:
            answer = await client.post("/v1/reports", content=content, headers=headers)
            error = answer.json()["error"]
            assert error["message"]
            return answer.status_code, error["code"], error.get("field")

        assert await fault(json.dumps(body(source, title=7))) == (400, "invalid", "title")
        assert await fault(json.dumps(body(source, text="\x00"))) == (400, "invalid", "text")
        assert await fault(b'{"title": "\\ud800"}') == (400, "not_json", None)
        assert await fault(b"[" * 9_000) == (400, "invalid", None)
        assert await fault(b"") == (400, "not_json", None)
        assert await fault(b"<a/>", {"content-type": "text/xml"}) == (415, "unsupported_type", "content-type")
        assert await fault(b" " * 10_001) == (413, "too_large", None)
        assert await fault(endless()) == (413, "too_large", None)
        assert (await client.put("/v1/reports")).json()["error"]["code"] == "wrong_method"
        assert (await client.get("/nowhere")).json()["error"]["code"] == "unknown_path"
    assert await lane.world.records(lane.reports) == []


async def test_without_a_broker_the_answer_is_503_in_bounded_time_and_says_when_to_come_again(
    lane: Lane, source: str
) -> None:
    nowhere = Publisher(Settings(kafka=f"127.0.0.1:{free_port()}"), "tests")
    async with gateway(nowhere, lane.gateway_pool, lane.reports, gateway_patience=0.5) as client:
        answer = await client.post("/v1/reports", json=body(source))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


@asynccontextmanager
async def away(stack: Stack, database: str) -> AsyncIterator[None]:
    """The database is gone from under every connection, and there again afterwards."""
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(stack.database)
    try:
        # The pool connects again at once, so the door is shut before its connections are cut.
        await admin.execute(f"alter database {name} allow_connections false")
        await admin.fetch("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name)
        await admin.execute(f"alter database {name} rename to {name}_away")
        try:
            yield
        finally:
            await admin.execute(f"alter database {name}_away rename to {name}")
            await admin.execute(f"alter database {name} allow_connections true")
    finally:
        await admin.close()


async def test_without_a_database_the_receipts_are_503_and_reports_are_still_taken(
    lane: Lane, source: str, stack: Stack, migrated: Migrated
) -> None:
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        async with away(stack, migrated.superuser):
            accepted = await client.post("/v1/reports", json=body(source))
            assert accepted.status_code == 202
            asked = await client.get(accepted.json()["status_url"])
        assert (asked.status_code, asked.json()["error"]["code"]) == (503, "unavailable")
        assert int(asked.headers["retry-after"]) > 0
        assert (await client.get(accepted.json()["status_url"])).status_code == 404


CONTACT = {"phone": "13800138000"}


async def test_without_a_vault_key_a_contact_is_refused_with_what_to_set_and_reports_go_on(
    lane: Lane, source: str
) -> None:
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        refused = await client.post("/v1/reports", json=body(source, "1", contact=CONTACT, secret="correct horse"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (501, "no_vault_key")
        assert "DUBAN_VAULT_KEY" in refused.text
        assert await lane.world.records(lane.reports) == []
        accepted = await client.post("/v1/reports", json=body(source, "1"))
        assert (accepted.status_code, "code" in accepted.json()) == (202, False)
    [record] = await lane.world.records(lane.reports)
    assert decode(record.key, record.value, record.headers, {Report.TYPE: Report}).data == report()


async def test_a_contact_that_cannot_be_sealed_keeps_its_report_back_and_one_without_goes_on(
    lane: Lane, source: str, stack: Stack, migrated: Migrated
) -> None:
    key = SecretStr(b64encode(b"k" * 32).decode())
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports, vault_key=key) as client:
        async with away(stack, migrated.superuser):
            refused = await client.post("/v1/reports", json=body(source, "1", contact=CONTACT, secret="correct horse"))
            accepted = await client.post("/v1/reports", json=body(source, "2", secret="correct horse"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert (accepted.status_code, len(accepted.json()["code"])) == (202, 19)
    assert len(await lane.world.records(lane.reports)) == 1


async def test_a_contact_is_sealed_before_its_report_is_published(lane: Lane, source: str) -> None:
    nowhere = Publisher(Settings(kafka=f"127.0.0.1:{free_port()}"), "tests")
    key = SecretStr(b64encode(b"k" * 32).decode())
    given = body(source, "1", contact=CONTACT, secret="correct horse")
    async with gateway(nowhere, lane.gateway_pool, lane.reports, vault_key=key, gateway_patience=0.5) as client:
        assert (await client.post("/v1/reports", json=given)).status_code == 503
    assert await lane.gateway_pool.fetchval("select count(*) from intake.vault_contacts where source = $1", source) == 1
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports, vault_key=key) as client:
        assert (await client.post("/v1/reports", json=given)).status_code == 202
    assert await lane.gateway_pool.fetchval("select count(*) from intake.vault_contacts where source = $1", source) == 1


async def test_a_record_larger_than_any_topic_takes_is_413(lane: Lane, source: str) -> None:
    small = Publisher(Settings(kafka=lane.world.kafka, max_record_bytes=1_000), "tests")
    async with gateway(small, lane.gateway_pool, lane.reports) as client:
        answer = await client.post("/v1/reports", json=body(source, text="x" * 2_000))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_the_documentation_shows_a_report_that_is_taken(lane: Lane) -> None:
    async with gateway(lane.world.publisher, lane.gateway_pool, lane.reports) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        shown = paths["/v1/reports"]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert shown == EXAMPLE
        assert (await client.post("/v1/reports", json=shown)).status_code == 202


@asynccontextmanager
async def process(
    module: str, world: World, database: str, *, killed: bool = False, **settings: object
) -> AsyncIterator[Process]:
    """``python -m module``, ended by SIGTERM, which it must obey, unless it is to be ``killed`` before."""
    health = free_port()
    environment = {"DUBAN_KAFKA": world.kafka, "DUBAN_DATABASE": database, "DUBAN_HEALTH_PORT": str(health)}
    environment |= {name: str(value) for name, value in settings.items()}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env={**os.environ, **environment}, stdout=DEVNULL
    )

    async def ready() -> bool:
        assert running.returncode is None, f"{module} ended with {running.returncode}"
        try:
            async with httpx2.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        await eventually(ready, within=60)
        yield running
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        code = await running.wait()
    assert code == (-signal.SIGKILL if killed else 0)


async def test_the_two_processes_take_a_report_from_http_to_its_command(
    world: World, migrated: Migrated, source: str
) -> None:
    port = free_port()
    key = new_key()
    known = RegisteredSource(
        name="hotline",
        jurisdiction="smallville",
        channel="hotline",
        names=(source,),
        keys=(key_as_registered(key, AT),),
    )
    await world.publisher.publish([record_of(known, AT)])
    async with (
        process("duban_intake", world, migrated.url_of("intake")),
        process("duban_intake.gateway", world, migrated.url_of("gateway"), DUBAN_GATEWAY_PORT=port),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        refused = await client.post("/v1/reports", json=body(source))
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "no_key")
        client.headers["authorization"] = f"Bearer {key}"
        accepted = (await client.post("/v1/reports", json=body(source))).json()

        async def receipt() -> bool:
            return (await client.get(accepted["status_url"])).status_code == 200

        await eventually(receipt)
        assert (await client.get(accepted["status_url"])).json()["outcome"] == "accepted"
    found = decoded(await world.records(Command.TOPIC))
    assert [one.subject for one in found if one.data.filed.source == source] == [accepted["problem_id"]]


async def test_what_the_gateway_of_hj212_has_answered_is_there_though_it_is_killed_in_the_middle(
    world: World, tmp_path: Path
) -> None:
    fleet = Fleet(load_series(ROOT / "deploy/demo/hj212/air.csv"), 12, 0.02, "123456", 20.0)
    devices = tmp_path / "devices.yaml"
    devices.write_text(fleet.registry("smallville"))
    port, tally = free_port(), SendTally()
    settings: dict[str, Any] = {"DUBAN_HJ212_PORT": port, "DUBAN_HJ212_DEVICES": devices}
    async with process("duban_intake.hj212", world, "unused", killed=True, **settings) as running:
        playing = asyncio.create_task(fleet.play("127.0.0.1", port, AT, None, tally))
        await eventually(lambda: tally.answered >= 40)
        running.kill()
    async with process("duban_intake.hj212", world, "unused", **settings):
        await playing
    assert (tally.sent, tally.answered) == (144, 144)
    assert tally.broken
    records = await world.records(StationReadings.TOPIC)
    readings = {message.id: message.data for message in (decode(r.key, r.value, r.headers, READINGS) for r in records)}
    assert len(readings) == 144
    assert {(one.station, one.at) for one in readings.values()} == {
        (f"{station}-0001", hour.at) for station, hours in fleet.series.items() for hour in hours
    }
