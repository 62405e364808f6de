"""``duban demo``: cities' stories on the real stack, from report to strike-off, checked against what they tell."""

from __future__ import annotations

import asyncio
import json as jsonlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban.errors import DubanError
from duban_cli.output import InUtc

if TYPE_CHECKING:
    from duban_cli.demo.summary import Summary


def demo(
    city: Annotated[
        list[str] | None, typer.Option("--city", help="Play the story of this city instead; may be given again.")
    ] = None,
    story: Annotated[Path | None, typer.Option(help="Play the story in this file instead.")] = None,
    pack: Annotated[Path | None, typer.Option(help="The pack of that story; else the one that it names.")] = None,
    calendar: Annotated[
        Path | None, typer.Option(help="The calendar of that pack; else the one that it names.")
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep the last system with its pages after its story, until Ctrl-C.")
    ] = False,
    utc: InUtc = False,
    json: Annotated[bool, typer.Option("--json", help="Print each summary as a JSON line, and nothing else.")] = False,
) -> None:
    """Play cities' stories on the real stack, and check the outcome against what they tell.

    Some 500 Boston requests with their real opening and closing times, and a Mianyang timeline of every kind of way:
    in time, handed back, escalated level by level, sent back, struck off, attached, refused. A broker, a database and
    the services are started in a temporary folder; the clock is driven, so the story gives the same ledger every time.
    What the ledger holds in the end is compared with the city's data or with what the story tells, and, problem by
    problem and duty by duty, with what the pure core makes of the same story on virtual time.

    With --city or --story each story is played on a system of its own: the stories lie years apart, and the clock
    runs one way.

    With --stay the pages show the story in a browser; at which address and as whom is said then.

    Exit code 1 when anything does not add up.

    Example: duban demo --city weifang --city golmud

    Example: duban demo --story our-city-story.yaml --pack our-city.yaml --json
    """
    import structlog

    from duban_cli.demo.performance import played, programmes

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        chosen = list(programmes(city or [], story, pack, calendar))
    except DubanError as error:
        raise typer.BadParameter(str(error)) from None
    adds_up = True

    async def staying(summary: Summary, faults: list[str]) -> None:
        nonlocal adds_up
        adds_up = adds_up and not faults
        _tell(summary, faults, json=json)
        await asyncio.Event().wait()

    for programme in chosen:
        stays = staying if stay and programme is chosen[-1] else None
        console = Console(stderr=True, quiet=json and not stay)
        with suppress(KeyboardInterrupt):
            summary, faults = asyncio.run(played(programme, console, quiet=json, utc=utc, stays=stays))
            _tell(summary, faults, json=json)
            adds_up = adds_up and not faults
    raise typer.Exit(0 if adds_up else 1)


def _tell(summary: Summary, faults: list[str], *, json: bool) -> None:
    if json:
        sys.stdout.write(jsonlib.dumps(summary.json()) + "\n")
    else:
        _print(summary, faults)
    for fault in faults:
        sys.stderr.write(f"does not add up: {fault}\n")


def _print(summary: Summary, faults: list[str]) -> None:
    table = Table(title="adds up" if not faults else "does not add up", show_header=False)
    for name, figure in summary.json().items():
        table.add_row(name.replace("_", " "), ", ".join(figure) if isinstance(figure, tuple) else str(figure))
    Console().print(table)
