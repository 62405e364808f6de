"""The limits of this machine, now: what broker and database do at best with records and rows of the same size."""

from __future__ import annotations

import time
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from duban.io.broker import connection
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.envelope import Record

_BATCH = 500


def loop_ms() -> float:
    """What this machine is today: milliseconds of 500,000 additions in a loop, the best of five."""
    return round(min(_additions() for _ in range(5)), 1)


def _additions() -> float:
    begun, total = time.perf_counter(), 0
    for number in range(500_000):
        total += number * number
    return (time.perf_counter() - begun) * 1000


async def kafka_hop(settings: Settings, records: int, size: int) -> dict[str, float]:
    """Records a second that are appended, acknowledged and read again, ``size`` bytes each, in batches of 500."""
    topic = f"bench.hop.{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**connection(settings, "duban-bench"))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1)])
    publisher = Publisher(settings, "duban-bench")
    consumer = AIOKafkaConsumer(topic, **connection(settings, "duban-bench"), auto_offset_reset="earliest")
    try:
        await publisher.start()
        await consumer.start()
        value = b"x" * size
        batch = [Record(topic, str(number).encode(), value, ()) for number in range(_BATCH)]
        begun = time.perf_counter()
        for _ in range(records // _BATCH):
            await publisher.publish(batch)
        appended = time.perf_counter() - begun
        left = records // _BATCH * _BATCH
        begun = time.perf_counter()
        while left > 0:
            left -= sum(map(len, (await consumer.getmany(timeout_ms=1000, max_records=_BATCH)).values()))
        read = time.perf_counter() - begun
    finally:
        await consumer.stop()
        await publisher.stop()
        await admin.delete_topics([topic])
        await admin.close()
    return {"append_per_s": round(records / appended), "read_per_s": round(records / read)}


async def batched_insert(database: str, rows: int, size: int) -> dict[str, float]:
    """Rows a second of an ``unnest`` insert with a unique key and ``size`` bytes of text, 500 a transaction."""
    session = await asyncpg.connect(database)
    try:
        await session.execute(
            "drop table if exists bench_rows; create table bench_rows (id uuid primary key, body text not null)"
        )
        body = "x" * size
        begun = time.perf_counter()
        for _ in range(rows // _BATCH):
            await session.execute(
                "insert into bench_rows select * from unnest($1::uuid[], $2::text[])",
                [uuid4() for _ in range(_BATCH)],
                [body] * _BATCH,
            )
        seconds = time.perf_counter() - begun
        await session.execute("drop table bench_rows")
    finally:
        await session.close()
    return {"insert_per_s": round(rows / seconds)}
