"""How long the desk, and the pages that ask it, take to answer at a million problems: the table of docs/benchmarks.md.

    python -m tests.tools.desk_figures [--problems 1000000] [--write]

Starts a database of its own and has the projector take in lives of problems, as they come one after the other and side
by side. Then it lays the rows straight into the read model and asks every question through the reader, each 20 times,
and opens each page as somebody's browser would, but for the network; beside that it measures this machine, by a loop of
500,000 additions.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import httpx2
from pydantic import SecretStr

from duban.clock import SystemClock
from duban.io.migrations import migrate
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages.events import LedgerEvent
from duban.moves import Status
from duban_cli.bench.limits import loop_ms
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.store import MIGRATIONS, SCHEMA
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.projector import SMALL_BATCH, DeskProjector
from duban_console.desk.queries import PostgresDesk
from duban_console.desk.reader import LedgerFilters, MapBox, Order, Wait
from duban_console.desk.rebuild import BATCH as REBUILD_BATCH
from duban_console.desk.store import PLANNER, TABLES, PostgresDeskStore
from duban_local.stack import running_stack
from tests.desk import AT, ToldCase, appointed, delivered, sight_of
from tests.desk_rows import CITY, NOW, SeededCity
from tests.given import TO_STRIKE_OFF, report, rules_with, small_library
from tests.page_town import Town, browser
from tests.tools.document_tables import DOCS, with_block

_TIMES: Final = 20
_YEAR: Final = timedelta(days=365)
_OFFICE: Final = sight_of(appointed(Role.OFFICE, "office"))
_UNIT: Final = sight_of(appointed(Role.CLERK, "unit-3"))
_CITIZEN: Final = sight_of(appointed(Role.SOCIAL_SUPERVISOR))

_COUNTED: Final = """
    insert into console.desk_months
    select its.*, count(*) from console.desk_turns as turn
        cross join lateral console.desk_months_of_turn(turn) as its group by 1, 2, 3, 4, 5
    union all
    select its.*, count(*) from console.desk_records as record
        cross join lateral console.desk_months_of_record(record) as its group by 1, 2, 3, 4, 5;
    analyze console.desk_months;
"""

Ask = Callable[[], Awaitable[Any]]


def questions(desk: PostgresDesk) -> dict[str, Ask]:
    """Every question of the pages, as they ask it."""
    plain = LedgerFilters(CITY)

    def ledger(order: Order = Order.DUE, sight: Any = _OFFICE, **filters: Any) -> Ask:
        return lambda: desk.ledger(sight, replace(plain, **filters), now=NOW, order=order)

    def lamps(sight: Any = _OFFICE, **filters: Any) -> Ask:
        return lambda: desk.lamps(sight, replace(plain, **filters), now=NOW)

    def compared(sight: Any, length: timedelta) -> Ask:
        return lambda: desk.comparison(sight, CITY, from_at=NOW - length, before=NOW, now=NOW)

    weeks = [NOW - timedelta(days=7 * number) for number in range(52)]
    box = MapBox(31.4, 104.6, 31.5, 104.7)
    return {
        "ledger, by due": ledger(),
        "ledger, by number": ledger(Order.NUMBER),
        "ledger, red": ledger(lamp=Lamp.RED),
        "ledger, red, by number": ledger(Order.NUMBER, lamp=Lamp.RED),
        "ledger, a unit, by due": ledger(unit="unit-3"),
        "ledger, a small unit, by number": ledger(Order.NUMBER, unit="unit-38"),
        "ledger, a category and a rare channel": ledger(category="category-20", channel="media"),
        "ledger, a rare channel, by number": ledger(Order.NUMBER, channel="self-check"),
        "ledger, a status": ledger(statuses=(Status.VERIFIED,)),
        "ledger, rejected in a month": ledger(
            statuses=(Status.REJECTED,), begun_from=NOW - _YEAR, begun_before=NOW - 0.9 * _YEAR
        ),
        "ledger, a text that is common": ledger(text="扬尘扰民"),
        "ledger, a text that is common, by number": ledger(Order.NUMBER, text="扬尘扰民"),
        "ledger, a text that is rare": ledger(text="中山路77号"),
        "ledger, a number": ledger(text="0765432"),
        "ledger, a text that is nowhere": ledger(text="没有这样的"),
        "ledger, of a unit's own, by due": ledger(sight=_UNIT),
        "ledger, of a unit's own, by number": ledger(Order.NUMBER, sight=_UNIT),
        "ledger, of a unit's own, a text": ledger(sight=_UNIT, text="井盖缺失"),
        "lamps": lamps(),
        "lamps of a category": lamps(category="category-0"),
        "lamps of a unit": lamps(unit="unit-3"),
        "lamps of a channel": lamps(channel="app"),
        "lamps of a text": lamps(text="扬尘扰民"),
        "lamps of a unit's own": lamps(_UNIT),
        "inbox": lambda: desk.inbox(_OFFICE, CITY),
        "inbox, one sort": lambda: desk.inbox(_OFFICE, CITY, waits=[Wait.EXTENSION]),
        "inbox, of a unit": lambda: desk.inbox(_OFFICE, CITY, unit="unit-3"),
        "inbox, of a unit's own": lambda: desk.inbox(_UNIT, CITY, unit="unit-3"),
        "inbox, counted": lambda: desk.inbox_counts(_OFFICE, CITY),
        "mine": lambda: desk.mine(_UNIT, CITY, "unit-3", now=NOW),
        "calls": lambda: desk.calls(_UNIT, CITY, "unit-3"),
        "wall chart": lambda: desk.sponsored(_OFFICE, CITY, "leader-3", now=NOW),
        "units compared, a month": compared(_OFFICE, _YEAR / 12),
        "units compared, a year": compared(_OFFICE, _YEAR),
        "units compared, all five years": compared(_OFFICE, 5 * _YEAR),
        "a unit of its own, a year": compared(_UNIT, _YEAR),
        "lamps by week, a year": lambda: desk.lamps_by_week(_OFFICE, CITY, weeks),
        "lamps by week, a unit": lambda: desk.lamps_by_week(_OFFICE, CITY, weeks, unit="unit-3"),
        "nearby, 200 m": lambda: desk.nearby(_OFFICE, CITY, 31.45, 104.7, 200, now=NOW),
        "map, a part of the city": lambda: desk.on_map(_OFFICE, CITY, box, now=NOW),
        "map, the whole city": lambda: desk.on_map(_OFFICE, CITY, MapBox(31, 104, 32, 106), now=NOW),
    }


async def opened(desk: PostgresDesk) -> dict[str, Ask]:
    """Pages, as the office and a unit open them."""
    town = Town(rules_with(), NOW)
    app = town.app(desk=desk)

    async def of(role: Role, unit: str) -> httpx2.AsyncClient:
        appointment = Appointment(role=role, jurisdiction=CITY, unit=unit)
        return browser(app, await town.room.person(f"{role}-{unit}", appointment))

    office, clerk = await of(Role.OFFICE, "office"), await of(Role.CLERK, "unit-3")
    text = quote("扬尘扰民")
    ways = {
        "page, ledger": (office, "/ledger"),
        "page, ledger, red": (office, "/ledger?lamp=red"),
        "page, ledger, a text that is common": (office, f"/ledger?text={text}"),
        "page, inbox": (office, "/inbox?unit=*"),
        "page, wall chart": (office, "/leader?sponsor=leader-3"),
        "page, wall screen": (office, "/wall"),
        "page, units compared, a month": (office, "/comparison?period=monthly"),
        "page, units compared, a year": (office, "/comparison?period=yearly"),
        "page, our unit": (clerk, "/mine"),
    }

    def way(reader: httpx2.AsyncClient, path: str) -> Ask:
        async def ask() -> None:
            answer = await reader.get(path)
            assert answer.status_code == 200, answer.text

        return ask

    return {name: way(*each) for name, each in ways.items()}


async def measured(asks: Mapping[str, Ask]) -> dict[str, tuple[float, float]]:
    """Of each question the median and the longest of its answers, in milliseconds; the first is not counted."""
    figures = {}
    for name, ask in asks.items():
        await ask()
        lengths = []
        for _ in range(_TIMES):
            begun = time.perf_counter()
            await ask()
            lengths.append((time.perf_counter() - begun) * 1000)
        figures[name] = (median(lengths), max(lengths))
        sys.stderr.write(f"{name}: {figures[name][0]:.0f} ms, {figures[name][1]:.0f} at most\n")
    return figures


def _lives(count: int) -> list[list[LedgerEvent]]:
    """What the topic says of as many problems, each from its registration to its strike-off."""
    lives = []
    for number in range(count):
        case = ToldCase(f"{number}", AT + timedelta(hours=number))
        case.allocated = number
        case.registered(report(title=f"foul water {number}", area="north"))
        for command in (do.Acknowledge(actor=do.Actor(unit="water")), *TO_STRIKE_OFF):
            case.apply(command)
        lives.append(case.untold)
    return lives


async def _taken_in(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Say how many events the projector takes in a second, in batches as beside a server and as of a rebuild."""
    lives = _lives(1_500)
    ways = {"side by side": chain.from_iterable(zip(*lives, strict=True)), "one by one": chain.from_iterable(lives)}
    for way, events in ways.items():
        deliveries = [delivered(event, number) for number, event in enumerate(events)]
        for size in (SMALL_BATCH, REBUILD_BATCH):
            projector = DeskProjector(PostgresDeskStore(pool), small_library(), SystemClock())
            begun, own = time.perf_counter(), time.process_time()
            for first in range(0, len(deliveries), size):
                await projector(deliveries[first : first + size])
            rate = len(deliveries) / (time.perf_counter() - begun)
            own = (time.process_time() - own) / len(deliveries) * 1e6
            sys.stderr.write(
                f"projector, lives {way}, batches of {size}: {rate:.0f} events a second, {own:.0f} µs of its own for"
                f" each (loop {loop_ms():.0f} ms)\n"
            )
            await pool.execute(f"truncate {', '.join(f'console.{table}' for table in TABLES)}")


async def _laid(city: SeededCity, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Lay the rows without counting each, and count them as the migration counts what it finds."""
    await connection.execute("set session_replication_role = replica")
    await city.lay(connection)
    await connection.execute("reset session_replication_role")
    await connection.execute(_COUNTED)


async def figures(problems: int, url: str, *, are_laid: bool = False) -> list[str]:
    """The lines of the table."""
    connection = await asyncpg.connect(url)
    pool = await connect_pool(Settings(database=SecretStr(url)), SCHEMA, planner=PLANNER)
    if not are_laid:
        await migrate(url, SCHEMA, MIGRATIONS)
        await _taken_in(pool)
        begun = time.perf_counter()
        await _laid(SeededCity(problems), connection)
        sys.stderr.write(f"laid in {time.perf_counter() - begun:.0f} s\n")
    sizes = await connection.fetch(
        "select relname, pg_total_relation_size(oid), pg_relation_size(oid) from pg_class"
        " where relkind = 'r' and relname like 'desk\\_%' order by 2 desc"
    )
    for name, whole, own in sizes:
        sys.stderr.write(f"{name}: {whole / problems:.0f} bytes a problem, {own / problems:.0f} without its indexes\n")
    before = loop_ms()
    desk = PostgresDesk(pool)
    answers = await measured(questions(desk)) | await measured(await opened(desk))
    loops = f"{before:.0f}, {loop_ms():.0f}"
    await pool.close()
    await connection.close()
    rows = [f"| {name} | {middle:.0f} | {longest:.0f} |" for name, (middle, longest) in answers.items()]
    return [
        f"| question, at {problems:,} problems (loop {loops} ms) | ms, median of {_TIMES} | the longest |",
        "| --- | --- | --- |",
        *rows,
    ]


def main(problems: int, url: str | None, *, are_laid: bool, write: bool) -> None:
    """Measure, and print or write the table."""
    if url is not None:
        lines = asyncio.run(figures(problems, url, are_laid=are_laid))
    else:
        with TemporaryDirectory(prefix="duban-figures-") as folder, running_stack(Path(folder)) as stack:
            lines = asyncio.run(figures(problems, stack.superuser))
    sys.stdout.write("\n".join(lines) + "\n")
    if write:
        page = DOCS / "benchmarks.md"
        page.write_text(with_block(page.read_text("utf-8"), "desk", "\n".join(lines) + "\n"), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=1_000_000)
    parser.add_argument("--database", help="the URL of an empty database of one who may do everything, if not its own")
    parser.add_argument("--laid", action="store_true", help="they are in that database already")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    args = parser.parse_args()
    main(args.problems, args.database, are_laid=args.laid, write=args.write)
