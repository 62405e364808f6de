"""``duban bench``: what this machine carries, each figure beside its limit, measured in the same run."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

if TYPE_CHECKING:
    from duban_cli.bench.workloads import Figures

#: The function in :mod:`duban_cli.bench.workloads` that runs each, and how many times the problems of W1 it takes.
WORKLOADS: Final = {"W1": ("lifecycles", 1), "W3": ("intake", 5), "router": ("router", 2), "W4": ("deadlines", 25)}


def bench(
    problems: Annotated[int, typer.Option(min=100, help="Problems in W1; the other workloads follow from it.")] = 4000,
    only: Annotated[list[str] | None, typer.Option(help="One of W1, W3, router, W4; may be given again.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON line, and nothing else.")] = False,
) -> None:
    """Measure whole lifecycles (W1), intake alone (W3), the router alone, and deadlines (W4), beside their limits.

    Every run starts its own broker, database and services in a temporary folder, and checks its count: a run that
    lost or doubled anything is void and ends with exit code 1. The figures are for this machine, with everything on it.

    Example: duban bench --problems 4000 --only W1 --json
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
    for name in only or WORKLOADS:
        function, times = WORKLOADS[name]
        console.rule(name)
        before = loop_ms()
        measured = asyncio.run(_run(getattr(workloads, function), problems * times, console))
        figures[name] = {**measured, "loop_ms": [before, loop_ms()]}
        console.print_json(data=figures[name])
    if json:
        sys.stdout.write(jsonlib.dumps(figures) + "\n")


async def _run(
    workload: Callable[[int, Callable[[str, str], None]], Awaitable[Figures]], size: int, console: Console
) -> Figures:
    return await workload(size, lambda part, line: console.print(f"[bold]{part:<12}[/] {line}"))


def _machine() -> dict[str, object]:
    parts = ("duban", "aiokafka", "asyncpg", "pydantic", "uvloop")
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in parts},
    }
