"""A programme of stories, played on a system of its own and checked."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from duban.errors import DubanError
from duban.policy import PolicyPack
from duban_cli.demo import boston, cities
from duban_cli.demo.board import board
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.demo.summary import Programme, Summary, faults, read_ledger, summarise
from duban_cli.system import System, running
from duban_cli.trial_accounts import Trial, tell, trial_accounts
from duban_console.packs.publication import load
from duban_local import ROOT
from duban_local.children import Say

#: Waits as long as a system is to stay after its story, whose figures and faults it is given.
Staying = Callable[[Summary, list[str]], Awaitable[None]]
#: Stories come by topic, so nobody needs the gateway; the API is there for who looks on.
SERVICES: Final = ("escalation", "router", "intake", "api")
_BOSTON_FILES: Final = (ROOT / "deploy/packs/boston-311.yaml", ROOT / "deploy/calendars/boston.yaml")


def programmes(names: list[str], story: Path | None, pack: Path | None, calendar: Path | None) -> Iterator[Programme]:
    if story is None and (pack or calendar):
        raise DubanError("--pack and --calendar go with --story")
    if not names and story is None:
        yield Programme(_boston(), cities.named("mianyang"))
    for name in names:
        yield Programme(_boston()) if name == boston.JURISDICTION else Programme(city=cities.named(name))
    if story is not None:
        yield Programme(city=cities.load(story, pack, calendar))


def _boston() -> boston.Boston:
    return boston.load(cities.STORIES / "boston-2015.csv", cities.STORIES / "boston-mapping.yaml")


async def played(
    programme: Programme, console: Console, *, quiet: bool, utc: bool = False, stays: Staying | None = None
) -> tuple[Summary, list[str]]:
    """Play ``programme`` on a system of its own: the figures, and everything that does not add up, in words.

    With ``stays`` the system is there, with its pages, until that returns.
    """
    begun = time.monotonic()
    rehearsed = programme.rehearsed()
    files = [*(_BOSTON_FILES if programme.boston else ()), *(programme.city.files if programme.city else ())]

    def say(part: str, line: str) -> None:
        console.print(f"[bold]{part:<12}[/] {line}")

    async with (
        running(services=SERVICES, clock="driven", publish=files, partitions=1, say=say) as system,
        Feed(system.settings) as feed,
    ):
        trial = await _say_accounts(system, files, say)
        say("playing", f"{programme.reports} reports: {', then '.join(programme.names)}")
        await _play(system, feed, programme, console, quiet, utc)
        ledger = await read_ledger(system.database)
        summary = summarise(programme, rehearsed, feed, ledger, time.monotonic() - begun)
        wrong = list(faults(summary, programme, rehearsed, feed, ledger))
        if stays is not None:
            tell(trial, system.urls["api"], say)
            await stays(summary, wrong)
        return summary, wrong


async def _say_accounts(system: System, files: Iterable[Path], say: Say) -> Trial:
    """Have an account of each role, and say by what names and password somebody may look on meanwhile."""
    trial = await trial_accounts(system.accounts, [pack for pack in map(load, files) if isinstance(pack, PolicyPack)])
    say("accounts", f"{', '.join(trial.names)}; the password of them all: {trial.password}")
    say("accounts", f"to look on meanwhile: {system.urls['api']} in a browser, or `duban login --api` with it")
    return trial


async def _play(system: System, feed: Feed, programme: Programme, console: Console, quiet: bool, utc: bool) -> None:
    east, city = programme.boston, programme.city
    with Live(console=console, refresh_per_second=4, transient=False, auto_refresh=not quiet) as live:
        show = _shower(live, feed, programme, quiet, utc)
        async with Player(system.settings, feed, show) as player:
            if east:
                await player.play(east.scenes, boston.UNTIL)
            if city:
                await player.play(city.scenes, city.until, city.stops)


def _shower(live: Live, feed: Feed, programme: Programme, quiet: bool, utc: bool) -> Callable[[datetime, int], None]:
    """What refreshes the board after a step, some four times a second."""
    last = 0.0
    east, city = programme.boston, programme.city
    first = len(east.scenes) if east else 0
    scenes = first + (len(city.entries) if city else 0)
    zones = {} if utc else {boston.JURISDICTION: boston.ZONE, **({city.name: city.story.zone} if city else {})}

    def show(at: datetime, played: int) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last > 0.25:
            last = time.monotonic()
            playing = city.name if city and played > first else boston.JURISDICTION if east else ""
            live.update(board(feed, at, played / scenes if scenes else 1.0, zones.get(playing), zones))

    return show
