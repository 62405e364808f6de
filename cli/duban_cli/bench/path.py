"""The router's path alone, in this process: from the bytes of commands to the records that answer them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from itertools import chain

from aiokafka import ConsumerRecord

from duban.clock import DrivenClock
from duban.io.decode import delivery
from duban.messages.commands import COMMANDS
from duban.messages.envelope import Record
from duban.policy import PublishedCalendar
from duban.policy.library import Library
from duban.policy.loader import load_calendar, load_pack
from duban_cli.bench import load
from duban_local import ROOT
from duban_router.handlers import CommandHandler
from duban_router.memory import MemoryLedger

_BATCH = 500
_CALENDAR = ROOT / "deploy/calendars/cn.yaml"


def measure(problems: int) -> dict[str, float]:
    """Microseconds of CPU a command, and of them those of decoding, over a ledger in memory; bytes a record."""
    ways = (load.way_to_strike_off(number, load.BEGINS_AT) for number in range(problems))
    commands = [*map(load.registration, range(problems)), *chain.from_iterable(ways)]
    return asyncio.run(_measure(fetched(commands)))


async def _measure(commands: Sequence[ConsumerRecord[bytes, bytes]]) -> dict[str, float]:
    handler = CommandHandler(MemoryLedger(), library_of(load.PACK.read_text()), DrivenClock())
    decoding = handling = 0.0
    answers = size = 0
    gc.freeze()
    for start in range(0, len(commands), _BATCH):
        begun = time.process_time()
        batch = [delivery(command, COMMANDS) for command in commands[start : start + _BATCH]]
        decoded = time.process_time()
        records = await handler(batch)
        decoding += decoded - begun
        handling += time.process_time() - decoded
        answers += len(records)
        size += sum(record.size for record in records)
    gc.unfreeze()
    return {
        "us_a_command": round((decoding + handling) / len(commands) * 1e6, 1),
        "us_decoding": round(decoding / len(commands) * 1e6, 1),
        "commands": len(commands),
        "records": answers,
        "bytes_a_record": round(size / answers),
    }


def library_of(pack: str) -> Library:
    """The rules of that pack, on the calendar that comes with the engine."""
    calendar = PublishedCalendar(notice=load_calendar(_CALENDAR.read_text(), _CALENDAR.name))
    return Library.of((calendar, load_pack(pack, load.PACK.name)))


def fetched(commands: Sequence[Record]) -> list[ConsumerRecord[bytes, bytes]]:
    """``commands`` as a consumer gets them."""
    appended_ms = int(load.BEGINS_AT.timestamp() * 1000)
    return [
        ConsumerRecord(
            command.topic, 0, offset, appended_ms, 0, command.key, command.value, None, len(command.key),
            len(command.value), command.headers,
        )
        for offset, command in enumerate(commands)
    ]  # fmt: skip
