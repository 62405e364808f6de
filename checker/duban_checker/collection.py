"""Traces from a running system: its tables and topics, read to their present end into JSON-lines files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from duban_checker.traces import Row, TracesError

_PAGE: Final = 2000
#: Each file with the query that fills it; the names of columns are those of its rows.
TABLES: Final = {
    "receipts": "select key::text as problem, source, id, outcome, code from intake.receipts",
    "refusals": "select key::text as problem, encode(digest, 'hex') as digest, code from intake.refusals",
    "events": "select problem_id::text as problem, version, body, hash from router.published_events",
    "records": "select id::text as problem, version, head, state from router.published_records",
    "outcomes": "select problem_id::text as problem, command, first_version, refused from router.published_outcomes",
}
COMMANDS: Final = "duban.commands.v1"
EVENTS: Final = "duban.problems.v1"
NOTICES: Final = "duban.notices.v1"
ANCHORS: Final = "duban.anchors.v1"
_LETTERS: Final = ".dlq"


async def collect(folder: Path, kafka: str, database: str, identities: Sequence[str] = ()) -> dict[str, int]:
    """Read everything into ``folder``; how many rows of each.

    Raises:
        TracesError: broker or database do not answer, or do not hold what an engine holds.
    """
    try:
        # The topics first: what they tell, the ledger holds already.
        counts = await _topics(folder, kafka, [identity.encode() for identity in identities])
        counts |= await _tables(folder, database)
    except (OSError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise TracesError(f"{type(error).__name__}: {error}") from error
    place = folder / "run.json"
    noted = orjson.loads(place.read_bytes()) if place.exists() else {}
    run = {**noted, "read_at": datetime.now(UTC).isoformat(), "identities": list(identities)}
    place.write_bytes(orjson.dumps(run))
    return counts


async def _tables(folder: Path, database: str) -> dict[str, int]:
    counts = {}
    connection = await asyncpg.connect(database, timeout=10.0)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name, query in TABLES.items():
                with (folder / f"{name}.jsonl").open("wb") as file:
                    counts[name] = 0
                    async for row in connection.cursor(query, prefetch=_PAGE):
                        file.write(orjson.dumps(dict(row)) + b"\n")
                        counts[name] += 1
    finally:
        await connection.close()
    return counts


async def _topics(folder: Path, kafka: str, identities: Sequence[bytes]) -> dict[str, int]:
    counts = dict.fromkeys(("commands", "told", "notices", "letters", "anchors", "leaks"), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    try:
        await consumer.start()
        names = sorted(name for name in await consumer.topics() if name.startswith("duban."))
        if EVENTS not in names:
            raise TracesError(f"{kafka} has no topic {EVENTS}: is an engine installed there?")
        with ExitStack() as stack:
            files = {name: stack.enter_context((folder / f"{name}.jsonl").open("wb")) for name in counts}
            await _read(consumer, names, lambda record: _note(record, files, counts, identities))
    finally:
        await consumer.stop()
    return counts


async def _read(consumer: AIOKafkaConsumer, names: Sequence[str], take: Callable[[Any], None]) -> None:
    """Have ``take`` hear every record that lies in the topics now."""
    consumer.subscribe(names)
    while not consumer.assignment():
        await consumer.getmany(timeout_ms=100)
    await consumer.seek_to_beginning()
    ends = await consumer.end_offsets(sorted(consumer.assignment()))
    left = {place for place, end in ends.items() if end > 0}
    while left:
        for records in (await consumer.getmany(timeout_ms=500, max_records=_PAGE)).values():
            for record in records:
                take(record)
        left = {place for place in left if await consumer.position(place) < ends[place]}


def _note(record: Any, files: Mapping[str, BinaryIO], counts: dict[str, int], identities: Sequence[bytes]) -> None:
    """Write down what ``record`` says, in the file that it belongs to."""
    for name, row in (*_rows(record), *_leaks(record, identities)):
        files[name].write(orjson.dumps(row) + b"\n")
        counts[name] += 1


def _rows(record: Any) -> Iterable[tuple[str, Row]]:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    if record.topic.endswith(_LETTERS):
        return [("letters", letter(headers))]
    kind, place = headers.get("ce_type", ""), _place(record)
    if record.topic == COMMANDS and "ce_id" in headers and _is_id(headers.get("ce_subject")):
        return [("commands", {**place, **command(headers, record.value)})]
    value = _json(record.value)
    if record.topic == EVENTS and isinstance(value, dict) and "event" in value and kind != "duban.problem.refused":
        return [("told", {**place, **event(value)})]
    if record.topic == NOTICES and isinstance(value, dict) and "problem_id" in value:
        return [("notices", {**place, "id": headers.get("ce_id", ""), **notice(value)})]
    if record.topic == ANCHORS and kind == "duban.ledger.anchored" and isinstance(value, dict):
        return [("anchors", row) for row in anchored(value)]
    return []


def _place(record: Any) -> Row:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat()
    return {"partition": record.partition, "offset": record.offset, "at": at}


def letter(headers: Mapping[str, str]) -> Row:
    """A dead letter: it is about the place where it came from, for nobody knows whether it names a problem."""
    topic, partition, offset = (
        headers.get(f"__streams.errors.{name}", "") for name in ("topic", "partition", "offset")
    )
    place = f"{topic}/{partition}/{offset}"
    about = headers.get("ce_subject", place) if topic == NOTICES else place
    return {"problem": about, "place": place, "code": headers.get("duban.dlq.code", ""), "id": headers.get("ce_id", "")}


def command(headers: Mapping[str, str], value: bytes | None) -> Row:
    """A command; one that lets a deadline lapse names it."""
    row: Row = {
        "problem": headers["ce_subject"].lower(), "id": headers["ce_id"], "source": headers.get("ce_source", ""),
        "type": headers.get("ce_type", ""),
    }  # fmt: skip
    data = _json(value) if row["type"].endswith(".escalate") else None
    if isinstance(data, dict):
        row["due"] = [data.get(name) for name in ("obligation", "part", "generation", "level", "due_at")]
    return row


def event(value: Row) -> Row:
    """An event as the topic told it, with what was due after it."""
    record: Row = next(
        (value[kind] for kind in ("problem", "duty", "listing", "reward", "reading") if kind in value), {}
    )
    return {
        "problem": value["event"]["problem_id"],
        "version": value["event"]["version"],
        "hash": value["hash"],
        "deadlines": [
            [due["obligation"], due.get("part"), due["generation"], due["level"], due["due_at"]]
            for due in record.get("deadlines", ())
        ],
    }


def notice(value: Row) -> Row:
    """What a notice is about, as the topic and the receiver know it."""
    names = ("recipient", "event", "obligation", "part", "level", "issued_at")
    return {"problem": value["problem_id"], "level": 0, **{name: value[name] for name in names if name in value}}


def anchored(value: Row) -> Iterator[Row]:
    """The heads that an anchor holds."""
    for head in value["heads"]:
        where = f"anchor {value['number']}"
        yield {"problem": head["record"], "version": head["version"], "hash": head["hash"], "where": where}


def _leaks(record: Any, identities: Sequence[bytes]) -> Iterable[tuple[str, Row]]:
    parts = [record.key or b"", record.value or b"", *(value or b"" for _, value in record.headers)]
    if any(identity in part for identity in identities for part in parts):
        return [("leaks", {"where": f"{record.topic}/{record.partition}/{record.offset}"})]
    return []


def _json(value: bytes | None) -> Any:
    try:
        return orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return None


def _is_id(subject: str | None) -> bool:
    try:
        return subject is not None and bool(UUID(subject))
    except ValueError:
        return False
