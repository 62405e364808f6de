"""Bulletins over the real ledger: what the router wrote, read from its published views and compiled by the command."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from duban.clock import SystemClock
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, derived_id
from duban.messages.report import Filed
from duban.messages.struct import to_json
from duban.policy import PublishedCalendar
from duban.policy.library import Library
from duban.policy.model.assessment import BulletinKind
from duban_cli import app
from duban_console.assessment.histories import AtRest, lasting
from duban_console.assessment_input import from_ledger
from duban_console.ledger import LedgerReader, TooManyEvents
from duban_router.handlers import CommandHandler
from duban_router.store import SCHEMA, PostgresLedger
from tests.conftest import Migrated, Stack
from tests.given import ROOT, SMALL, TARGETS, TO_STRIKE_OFF, report, rules_with, small_rules

pytestmark = pytest.mark.stack

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
DAY = timedelta(days=1)
UUID_TEXT = re.compile(r"[0-9a-f-]{36}")
Run = Callable[..., Awaitable[Result]]


@dataclass
class City:
    """A ledger that the router's handler writes, command by command, at instants of our own."""

    handler: CommandHandler
    settings: Settings
    serial: int = 0

    async def send(self, name: str, at: datetime, *commands: do.Command) -> None:
        key = name if UUID_TEXT.fullmatch(name) else str(derived_id("bulletins", name))
        for command in commands:
            self.serial += 1
            message = Message(str(self.serial), "tests", key, at, "smallville", key, command)
            await self.handler([Delivery(message, "duban.commands.v1", 0, self.serial, at)])

    async def climb(self, name: str) -> None:
        """Let what is due of the problem lapse, level by level, until nothing falls due any more."""
        pool = await connect_pool(self.settings, "console")
        reader = LedgerReader(pool)
        while (record := await reader.record(derived_id("bulletins", name))) and record.deadlines:
            due = record.deadlines[0]
            command = do.Escalate(
                actor=do.Actor(unit=do.ENGINE), obligation=due.obligation, part=due.part, generation=due.generation,
                level=due.level, due_at=due.due_at,
            )  # fmt: skip
            await self.send(name, due.due_at, command)
        await pool.close()

    async def register(self, name: str, at: datetime, area: str = "north", **said: Any) -> None:
        filed = Filed(source="tests", id=name, received_at=at, report=report(title=name, area=area, **said))
        await self.send(name, at, do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed))


@pytest.fixture
def library() -> Library:
    """The small pack with targets."""
    library = Library()
    library.add(rules_with(targets=TARGETS).pack)
    library.add(PublishedCalendar(notice=small_rules().calendar.notice))
    return library


@pytest.fixture
async def city(migrated: Migrated, stack: Stack, library: Library) -> AsyncIterator[City]:
    settings = Settings(kafka=stack.kafka, database=SecretStr(migrated.url_of("reader")))
    router = Settings(database=SecretStr(migrated.url_of("router")))
    pool: asyncpg.Pool[asyncpg.Record] = await connect_pool(router, SCHEMA)
    try:
        city = City(CommandHandler(PostgresLedger(pool), library, SystemClock()), settings)
        water = do.Actor(unit="water", person="Li")
        await city.register("=1+1", AT)
        await city.send(
            "=1+1", AT + DAY / 24, do.Acknowledge(actor=water), do.Complete(actor=water, outcome="rectified")
        )
        await city.register("foul water", AT + 2 * DAY)
        await city.send("foul water", AT + 6 * DAY, do.Acknowledge(actor=water, reason="the pumps are being mended"))
        yield city
    finally:
        await pool.close()


@pytest.fixture
def duban(city: City, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command on that ledger, with the pack and its calendar as files."""
    monkeypatch.setenv("DUBAN_KAFKA", city.settings.kafka)
    monkeypatch.setenv("DUBAN_DATABASE", city.settings.database.get_secret_value())
    monkeypatch.setenv("NO_COLOR", "1")
    for folder, file in (("packs", SMALL), ("calendars", ROOT / "deploy/calendars/cn.yaml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "packs" / SMALL.name).open("a", encoding="utf-8") as whole:
        whole.write(f"targets: {json.dumps(TARGETS)}\n")
    pack = tmp_path / "packs" / SMALL.name

    async def run(kind: str, as_of: str, *options: object, code: int = 0) -> Result:
        arguments = ["bulletin", str(pack), kind, "--as-of", as_of, *map(str, options)]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == code, f"{result.exit_code}\n{result.stdout}\n{result.stderr}\n{result.exception!r}"
        return result

    return run


async def test_the_ledger_gives_a_bulletin_by_unit(city: City, duban: Run) -> None:
    found = json.loads((await duban("bulletin", "2022-04-20", "--format", "json", "--period", "monthly")).stdout)
    assert (found["pack"], found["as_of"], found["period"]["first"]) == (
        "small@1",
        "2022-04-20T16:00:00Z",
        "2022-04-01",
    )
    water = next(one for one in found["rows"] if one["unit_id"] == "water")
    # On time: acknowledge, rectify and progress of the first. Late: acknowledge and progress of the second.
    assert (water["unit"], water["received"], water["on_time"], water["late"]) == ("Water bureau", 2, 3, 2)
    assert found["rows"][-1]["unit"] == "合计"


async def test_the_same_as_of_gives_the_same_bytes_for_ever(city: City, duban: Run) -> None:
    async def bytes_of(kind: str) -> tuple[bytes, bytes]:
        as_json = await duban(kind, "2022-04-20", "--format", "json")
        return as_json.stdout_bytes, (await duban(kind, "2022-04-20", "--format", "csv", "--bom")).stdout_bytes

    kinds = ("bulletin", "account", "exposure", "ledger", "problems", "responsibilities", "tasks", "wall-chart")
    before = {kind: await bytes_of(kind) for kind in kinds}
    await city.register("later", AT + 15 * DAY)
    await city.send("foul water", AT + 16 * DAY, do.Complete(actor=do.Actor(unit="water"), outcome="rectified"))
    assert {kind: await bytes_of(kind) for kind in kinds} == before
    assert (await bytes_of("ledger"))[1].startswith(b"\xef\xbb\xbf")
    assert b"later" in (await duban("ledger", "2022-04-22", "--format", "csv")).stdout_bytes


async def test_the_account_tells_the_units_own_reason_and_no_cell_is_a_formula(city: City, duban: Run) -> None:
    account = (await duban("account", "2022-04-25", "--format", "csv", "--lang", "en")).stdout
    assert "SV-2022-0002: the pumps are being mended" in account
    ledger = (await duban("ledger", "2022-04-25", "--format", "csv", "--lang", "en")).stdout
    assert ",'=1+1," in ledger


async def test_a_file_of_events_gives_the_bytes_that_the_ledger_gives(city: City, duban: Run, tmp_path: Path) -> None:
    told = await from_ledger(city.settings, "smallville", AT + 100 * DAY)
    lines = [to_json(event).decode() for event in told]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(reversed(lines)), "utf-8")
    for kind in ("bulletin", "ledger"):
        from_file = await duban(kind, "2022-04-20", "--format", "json", "--events", path)
        assert from_file.stdout_bytes == (await duban(kind, "2022-04-20", "--format", "json")).stdout_bytes


async def test_what_was_over_before_its_period_is_not_read_and_changes_nothing(
    city: City, duban: Run, library: Library, tmp_path: Path
) -> None:
    south, water = do.Actor(unit="south"), do.Actor(unit="water")
    of = {"looked at": ("south", "noise", south), "not looked at": ("north", "river", water)}
    for name, (area, category, unit) in of.items():
        await city.register(name, AT, area, category=category)
        done = (do.Acknowledge(actor=unit), do.Complete(actor=unit, outcome="rectified"), *TO_STRIKE_OFF[1:])
        await city.send(name, AT + DAY, *done)
    looked = do.LookBack(actor=do.Actor(unit="office"), truthful=True, timely=True, effective=True)
    await city.send("looked at", AT + 2 * DAY, looked)
    await city.climb("not looked at")
    begun_at, until_at = datetime(2022, 7, 31, 16, tzinfo=UTC), datetime(2022, 8, 20, 16, tzinfo=UTC)
    whole = [*await from_ledger(city.settings, "smallville", until_at)]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(to_json(event).decode() for event in whole), "utf-8")
    over = AtRest(begun_at, lasting(library.packs))
    fewer = [*await from_ledger(city.settings, "smallville", until_at, without=over)]
    passed_over = {event.problem_id for event in whole} - {event.problem_id for event in fewer}
    assert passed_over == {derived_id("bulletins", "looked at")}
    rows: dict[str, list[dict[str, Any]]] = {}
    for kind in BulletinKind:
        if kind not in (BulletinKind.TARGETS, BulletinKind.SCORES):
            options = (kind, "2022-08-20", "--period", "monthly", "--format", "json")
            from_file = (await duban(*options, "--events", path)).stdout_bytes
            assert (await duban(*options)).stdout_bytes == from_file
            rows[kind] = json.loads(from_file)["rows"]
    assert "not looked at" in {row["title"] for row in rows["exposure"]}, "the office still owes it"
    assert "south" not in {row["unit_id"] for row in rows["account"]}, "nothing of it was in hand, owed, or done"


async def test_more_events_than_somebody_is_ready_to_hold_are_not_read(city: City) -> None:
    pool = await connect_pool(city.settings, "console")
    reader, until_at = LedgerReader(pool), AT + 100 * DAY
    count = len([*await reader.events("smallville", until_at)])
    assert len([*await reader.events("smallville", until_at, most=count)]) == count
    with pytest.raises(TooManyEvents):
        await reader.events("smallville", until_at, most=count - 1)
    await pool.close()


async def test_the_lists_are_compiled_from_the_ledger(city: City, duban: Run) -> None:
    tasks = (await duban("tasks", "2022-04-20", "--format", "csv", "--lang", "en")).stdout.splitlines()
    assert [line.split(",")[0] for line in tasks] == ["Number", "SV-2022-0002", "SV-2022-0001"]
    told = (await duban("responsibilities", "2022-04-20", "--format", "json", "--lang", "en")).stdout
    water = next(row for row in json.loads(told)["rows"] if row["unit_id"] == "water")
    assert water["leads"] == "SV-2022-0001; SV-2022-0002"


async def test_a_folder_without_a_font_is_refused_by_name(duban: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    options = ("--format", "pdf", "--fonts", tmp_path / "empty")
    assert "--fonts: " in (await duban("ledger", "2022-04-20", *options, code=2)).stderr


async def test_what_is_open_and_lies_somewhere_is_put_on_a_map(city: City, duban: Run) -> None:
    place = {"latitude": 31.5, "longitude": 104.7}
    await city.register("by the bridge", AT + 3 * DAY, location=place)
    found = json.loads((await duban("problems", "2022-04-20", "--format", "geojson", "--lang", "en")).stdout)
    (feature,) = found["features"]
    assert (feature["geometry"]["coordinates"], feature["properties"]["Problem"]) == ([104.7, 31.5], "by the bridge")


async def test_people_see_a_table_and_that_it_is_a_draft(city: City, duban: Run) -> None:
    shown = await duban("account", "2022-04-20")
    assert "交账清单（2022-04-01至2022-04-20）" in shown.stdout
    assert "draft" in shown.stderr


@pytest.mark.parametrize(
    ("kind", "as_of", "code", "words"),
    [
        ("bulletin", "2199-01-01", 2, "has not passed yet"),
        ("bulletin", "2999-01-01", 2, "check the year"),
        ("bulletin", "soon", 2, "write 2022-04-30"),
        ("gossip", "2022-04-20", 3, "has no bulletin gossip; there are"),
        ("scores", "2022-04-20", 3, "has no `assessment`"),
    ],
)
async def test_what_cannot_be_compiled_is_refused_with_words(
    city: City, duban: Run, kind: str, as_of: str, code: int, words: str
) -> None:
    assert words in (await duban(kind, as_of, code=code)).stderr


async def test_targets_are_compiled_from_the_readings_that_stand_in_the_ledger(city: City, duban: Run) -> None:
    for at, value, correction in ((AT + 3 * DAY, 1.4, 0), (AT + 9 * DAY, 0.8, 1)):
        reading = do.TakeReading(
            actor=do.Actor(unit="water"), target="ammonia", unit="water", read_on=(AT + DAY).date(), value=value,
            correction=correction, reason="the probe was foul",
        )  # fmt: skip
        await city.send(str(reading.record_id("smallville")), at, reading)

    async def ammonia(as_of: str) -> tuple[float | None, str]:
        sheet = json.loads((await duban("targets", as_of, "--format", "json", "--lang", "en")).stdout)
        row = next(row for row in sheet["rows"] if row["indicator"] == "Ammonia at the ferry")
        return row["reading"], row["reached"]

    assert await ammonia("2022-04-08") == (None, "no reading")
    assert await ammonia("2022-04-12") == (1.4, "missing by 0.4")
    assert await ammonia("2022-04-20") == (0.8, "reached")
    listed = await asyncio.to_thread(CliRunner().invoke, app, ["reading", "ls", "--target", "ammonia", "--json"])
    assert [json.loads(line).get("correction", 0) for line in listed.stdout.splitlines()] == [0, 1]
