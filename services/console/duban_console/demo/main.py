"""``duban demo``: two cities on the real stack, from report to strike-off, checked against their data."""

from __future__ import annotations

import asyncio
import json as jsonlib
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from duban_console.demo import boston, mianyang
from duban_console.demo.board import board
from duban_console.demo.feed import Feed
from duban_console.demo.player import Player
from duban_console.demo.summary import Summary, faults, read_ledger, summarise
from duban_console.running import ROOT, System, running

_DEMO = ROOT / "deploy/demo"
#: The policies of the two stories; the other packs have calendars of their own, for years that the clock runs through.
_POLICIES = [
    ROOT / "deploy/packs/boston-311.yaml",
    ROOT / "deploy/packs/mianyang-2022.yaml",
    ROOT / "deploy/calendars/boston.yaml",
    ROOT / "deploy/calendars/cn.yaml",
]


def demo(
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON line, and nothing else.")] = False,
) -> None:
    """Play two cities' stories on the real stack, and check the outcome against their data.

    Some 500 Boston requests with their real opening and closing times, and a Mianyang timeline of every kind of way:
    in time, handed back, escalated rung by rung, sent back, struck off, attached, refused. A broker, a database and
    the services are started in a temporary folder; the clock is driven, so the story gives the same ledger every time.

    Exit code 1 when anything does not add up.

    Example: duban demo --json
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    summary, found = asyncio.run(_demo(Console(stderr=True, quiet=json), json))
    if json:
        sys.stdout.write(jsonlib.dumps(summary.json()) + "\n")
    else:
        _print(summary, found)
    for fault in found:
        sys.stderr.write(f"does not add up: {fault}\n")
    raise typer.Exit(1 if found else 0)


async def _demo(console: Console, quiet: bool) -> tuple[Summary, list[str]]:
    begun = time.monotonic()
    east = boston.load(_DEMO / "boston-2015.csv", _DEMO / "boston-mapping.yaml")
    west = mianyang.load(_DEMO / "mianyang.yaml")
    say = lambda part, line: console.print(f"[bold]{part:<12}[/] {line}")  # noqa: E731
    async with running(clock="driven", publish=_POLICIES, say=say) as system, Feed(system.settings) as feed:
        console.print(f"[bold]{'playing':<12}[/] {east.reports} Boston requests, then {west.reports} Mianyang reports")
        await _play(system, feed, east, west, console, quiet)
        ledger = await read_ledger(system.database)
        summary = summarise(east, west, feed, ledger, time.monotonic() - begun)
        return summary, list(faults(summary, east, west, feed, ledger))


async def _play(
    system: System, feed: Feed, east: boston.Boston, west: mianyang.Mianyang, console: Console, quiet: bool
) -> None:
    with Live(console=console, refresh_per_second=8, transient=False, auto_refresh=not quiet) as live:
        show = _shower(live, feed, len(east.scenes) + len(west.scenes), quiet)
        async with Player(system.settings, feed, show) as player:
            await player.play(east.scenes, boston.UNTIL)
            await player.play(west.scenes, west.until, every=timedelta(days=1))


def _shower(live: Live, feed: Feed, scenes: int, quiet: bool) -> Callable[[datetime, int], None]:
    """What refreshes the board after a step, some eight times a second."""
    last = 0.0

    def show(at: datetime, played: int) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last > 0.12:
            last = time.monotonic()
            live.update(board(feed, at, played / scenes))

    return show


def _print(summary: Summary, found: list[str]) -> None:
    table = Table(title="adds up" if not found else "does not add up", show_header=False)
    for name, figure in summary.json().items():
        table.add_row(name.replace("_", " "), str(figure))
    Console().print(table)
