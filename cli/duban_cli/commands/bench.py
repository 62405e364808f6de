"""``duban bench``: what this machine carries, each figure beside its limit, measured in the same run."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

if TYPE_CHECKING:
    from duban_cli.bench.workloads import Figures

#: The function in :mod:`duban_cli.bench.workloads` that runs each, and how many times the problems of W1 it takes.
WORKLOADS: Final = {
    "W1": ("lifecycles", 1),
    "W2": ("in_time", 1),
    "W3": ("intake", 2),
    "router": ("router", 1),
    "path": ("router_path", 1),
    "W4": ("deadlines", 10),
}


def bench(
    problems: Annotated[int, typer.Option(min=100, help="Problems in W1; the others follow from it.")] = 12_000,
    only: Annotated[
        list[str] | None, typer.Option(help="One of W1, W2, W3, router, path, W4; may be given again.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON line, and nothing else.")] = False,
) -> None:
    """Measure whole lifecycles, deadlines, intake and router, each beside its limit in the same run.

    W1: whole lives, 500 in hand at once. W2: the same in an open loop at 50, 80 and 100 % of the rate of W1 (which is
    then measured too), and how late lapses come. W3: intake alone. router: the router alone. path: its path from bytes
    to records, without broker and database. W4: deadlines.

    Every run starts its own broker, database and services in a temporary folder, and checks its count: a run that
    lost or doubled anything is void and ends with exit code 1. The figures are for this machine, with everything on it.

    Example: duban bench --problems 12000 --only W1 --json
    """
    unknown = [name for name in only or [] if name not in WORKLOADS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is not one of {', '.join(WORKLOADS)}")
    import structlog

    from duban_cli.bench import workloads
    from duban_cli.bench.limits import loop_ms

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    console = Console(stderr=True, quiet=json)
    figures: Figures = {"machine": _machine()}
    for name in _with_w1(only or list(WORKLOADS)):
        function, times = WORKLOADS[name]
        workload = getattr(workloads, function)
        if name == "W2":
            workload = partial(workload, highest=figures["W1"]["per_s"])  # type: ignore[index]
        console.rule(name)
        before = loop_ms()
        measured = asyncio.run(_run(workload, problems * times, console))
        figures[name] = {**measured, "loop_ms": [before, loop_ms()]}
        console.print_json(data=figures[name])
    if json:
        sys.stdout.write(jsonlib.dumps(figures) + "\n")


def _with_w1(names: list[str]) -> list[str]:
    """W2 is measured against the rate of W1."""
    return (
        names if "W2" not in names or "W1" in names[: names.index("W2")] else ["W1", *(n for n in names if n != "W1")]
    )


async def _run(
    workload: Callable[[int, Callable[[str, str], None]], Awaitable[Figures]], size: int, console: Console
) -> Figures:
    return await workload(size, lambda part, line: console.print(f"[bold]{part:<12}[/] {line}"))


def _machine() -> dict[str, object]:
    parts = ("duban", "aiokafka", "asyncpg", "msgspec", "pydantic", "uvloop")
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in parts},
    }
