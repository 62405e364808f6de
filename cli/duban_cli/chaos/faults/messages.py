"""F10, F12, F14: what comes on the topics: poison, repetitions, a herd."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from duban.messages import commands as do
from duban.messages.events import LedgerEvent
from duban.messages.report import Report
from duban_cli.chaos.client import JURISDICTION, SOURCE
from duban_cli.chaos.faults.fault import SERVICES, ChaosFault, World
from duban_cli.chaos.faults.processes import signalled
from duban_cli.chaos.watch import GROUPS

_MIB: Final = 1024 * 1024
_PARTITIONS: Final = 4
#: A replay goes back no further: what it costs is the engine's to do while everything else goes on.
_MOST_REPLAYED: Final = 1000


@dataclass(frozen=True, slots=True)
class Poison(ChaosFault):
    """Bytes that nobody can handle, on two topics and over HTTP: each must be set aside, or refused with 4xx."""

    NUMBER, NAME = "F10", "poison"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0)

    async def strike(self, world: World) -> None:
        client = world.client
        for topic in (Report.TOPIC, do.Command.TOPIC):
            for number, (name, value, headers) in enumerate(poison()):
                place = await client.raw(topic, b"poison", value, headers, number % _PARTITIONS)
                if place is not None:
                    row = {"problem": place, "kind": "poison", "source": SOURCE, "id": name, "via": "kafka"}
                    client.note(row, "ok")
        for name, body in bodies():
            outcome = await client.body(body)
            row = {"problem": f"http/{name}", "kind": "poison", "source": SOURCE, "id": name, "via": "http"}
            client.note(row, outcome)


def _headers(**changed: bytes | None) -> list[tuple[str, bytes]]:
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"poison",
        "ce_source": SOURCE.encode(),
        "ce_type": b"duban.report.submitted",
        "ce_subject": b"poison",
        "ce_time": b"2026-11-29T00:00:00Z",
        "ce_jurisdiction": JURISDICTION.encode(),
        "content-type": b"application/json",
        **changed,
    }
    return [(name, value) for name, value in headers.items() if value is not None]


def poison() -> Iterator[tuple[str, bytes | None, list[tuple[str, bytes]]]]:
    """Records of every kind that no service can handle: name, value, headers."""
    report = {"jurisdiction": JURISDICTION, "channel": "hotline", "title": "poison"}
    yield "no-json", b"{", _headers()
    yield "another-schema", b'{"jurisdiction": 5}', _headers()
    yield "nested", b"[" * 100_000 + b"]" * 100_000, _headers()
    yield "nul", orjson.dumps({**report, "title": "a\0b"}), _headers()
    yield "lone-surrogate", b'{"jurisdiction":"chaos","channel":"hotline","title":"\\ud800"}', _headers()
    yield "no-value", None, _headers()
    yield "no-headers", b"{}", []
    yield "headers-of-any-bytes", orjson.dumps(report), _headers(ce_id=b"\xff\xfe", ce_source=b"\xff")
    yield "unknown-type", orjson.dumps(report), _headers(ce_type=b"nobody.knows.this")
    yield "no-time", orjson.dumps(report), _headers(ce_time=b"yesterday")
    yield "below-1-mib", b"x" * (_MIB - 1), _headers()
    yield "above-1-mib", b"x" * (_MIB + 1), _headers()


def bodies() -> Iterator[tuple[str, bytes]]:
    """Bodies that the gateway must refuse."""
    yield "no-json", b"{"
    yield "nested", b'{"attributes":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    yield "nul", b'{"source":"x","id":"a\\u0000","jurisdiction":"chaos","channel":"hotline","title":"t"}'
    yield "above-1-mib", b'{"text":"' + b"x" * _MIB + b'"}'
    yield "10-mib", b'{"text":"' + b"x" * (10 * _MIB) + b'"}'


@dataclass(frozen=True, slots=True)
class Repetition(ChaosFault):
    """The last records of every topic come again, two to five times over, in another order."""

    NUMBER, NAME = "F12", "repetition"
    records: int = 100
    times: int = 2
    order: int = 0

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, draw.choice((50, 200)), draw.randint(2, 5), draw.randrange(2**32))

    async def strike(self, world: World) -> None:
        for topic in (Report.TOPIC, do.Command.TOPIC, LedgerEvent.TOPIC):
            records = [record for record in await _last(world.system.kafka, topic, self.records) if _is_ours(record)]
            again = records * (self.times - 1)
            random.Random(self.order).shuffle(again)  # noqa: S311 no secret
            for record in again:
                await world.client.raw(topic, record.key, record.value, list(record.headers), record.partition)


def _is_ours(record: Any) -> bool:
    """Whether it is no poison, whose every copy would be another one to be set aside."""
    headers = dict(record.headers)
    return headers.get("ce_id", b"poison") != b"poison" and bool(headers.get("ce_type", b"").startswith(b"duban."))


async def _last(kafka: str, topic: str, records: int) -> list[Any]:
    """The last records of every partition, so many in all; none when the broker is away."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, request_timeout_ms=4000)
    last: list[Any] = []
    with suppress(KafkaError, OSError, TimeoutError):
        await consumer.start()
        places = [TopicPartition(topic, partition) for partition in range(_PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place, end in ends.items():
            consumer.seek(place, max(0, end - records // _PARTITIONS))
        until = asyncio.get_running_loop().time() + 5.0
        while asyncio.get_running_loop().time() < until:
            last += [record for batch in (await consumer.getmany(timeout_ms=300)).values() for record in batch]
            if all([await consumer.position(place) >= end for place, end in ends.items()]):
                break
    await consumer.stop()
    return [record for record in last if record.offset < ends[TopicPartition(topic, record.partition)]]


@dataclass(frozen=True, slots=True)
class Replay(ChaosFault):
    """A group begins again up to 1,000 records back in each partition of its topic."""

    NUMBER, NAME, PART, ALONE = "F12", "replay", frozenset({"services"}), True
    service: str = "router"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, draw.choice(SERVICES))

    async def strike(self, world: World) -> None:
        group = f"duban-{self.service}"
        topic = GROUPS[group][0]
        await signalled(world, self.service, signal.SIGTERM)
        places = [TopicPartition(topic, partition) for partition in range(_PARTITIONS)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=world.system.kafka, group_id=group, enable_auto_commit=False, request_timeout_ms=4000
        )
        with suppress(KafkaError, OSError, TimeoutError):
            await consumer.start()
            consumer.assign(places)
            for _ in range(200):  # while a member is in the group nobody else may commit
                with suppress(KafkaError):
                    back = {
                        place: OffsetAndMetadata(max(0, (await consumer.committed(place) or 0) - _MOST_REPLAYED), "")
                        for place in places
                    }
                    await consumer.commit(back)
                    break
                await asyncio.sleep(0.05)
        await consumer.stop()


@dataclass(frozen=True, slots=True)
class Herd(ChaosFault):
    """Many reports in one moment: their deadlines fall due in the same second."""

    NUMBER, NAME = "F14", "herd"
    reports: int = 500

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, draw.choice((300, 500) if seconds < 240 else (500, 1000, 2000)))

    async def strike(self, world: World) -> None:
        world.load.burst(self.reports)
