"""What a source does not look into is passed over undecoded, in either mode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from duban.io.batch import Source, Work
from duban.messages.delivery import Delivery
from duban.messages.envelope import Payload, Unheeded
from duban.messages.notices import Tick

TYPES: dict[str, type[Payload]] = {Tick.TYPE: Tick, "duban.test.unheeded": Unheeded}


def record(offset: int, value: bytes, **headers: str) -> ConsumerRecord[bytes, bytes]:
    raw = tuple((name.replace("content_type", "content-type"), text.encode()) for name, text in headers.items())
    return ConsumerRecord("t", 0, offset, 0, 1, b"k", value, 0, 1, len(value), raw)


async def test_what_nobody_looks_into_is_neither_handled_nor_laid_aside() -> None:
    seen: list[Delivery[Any]] = []

    async def handle(batch: Sequence[Delivery[Any]]) -> list[Any]:
        seen.extend(batch)
        return []

    binary = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s"}
    tick = b'{"at":"2022-04-06T02:00:00Z"}'
    event = {"specversion": "1.0", "id": "3", "source": "s", "type": "duban.test.unheeded", "data": {"any": "thing"}}
    records = [
        record(0, b"not even JSON", **binary, ce_type="duban.test.unheeded"),
        record(1, tick, **binary, ce_type=Tick.TYPE),
        record(2, json.dumps(event).encode(), content_type="application/cloudevents+json"),
    ]
    work = Work("g", Source(("t",), TYPES, handle), handle, 1_000_000)
    assert await work.on({TopicPartition("t", 0): records}) == []
    assert [(one.offset, type(one.message.data)) for one in seen] == [(1, Tick), (2, Unheeded)]
