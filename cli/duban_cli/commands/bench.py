"""``duban bench``: what this machine carries, each figure beside its limit, measured in the same run."""

from __future__ import annotations

import json as jsonlib
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from duban.errors import DubanError
from duban_cli.output import ExitCode, fail

if TYPE_CHECKING:
    from duban_cli.bench.workloads import Figures


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: the options of the command, and the rate of W1 once that is known."""

    problems: int
    open_problems: int
    backlog: int
    minutes: int
    per_second: float
    profiles: Path | None
    highest: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """The function in a module of :mod:`duban_cli.bench` that measures, and with what; ``usual``: when nobody asks."""

    function: str
    sizes: Callable[[Sizes], tuple[Any, ...]]
    usual: bool = True


WORKLOADS: Final = {
    "W1": Workload("workloads:lifecycles", lambda size: (size.problems, size.profiles)),
    "W2": Workload("workloads:in_time", lambda size: (size.problems, size.highest)),
    "W3": Workload("workloads:intake", lambda size: (size.problems * 2,)),
    "router": Workload("workloads:router", lambda size: (size.problems,)),
    "routers": Workload("routers:routers", lambda size: (size.problems // 4,), usual=False),
    "path": Workload("workloads:router_path", lambda size: (size.problems // 4,)),
    "W4": Workload("workloads:deadlines", lambda size: (size.open_problems,)),
    "history": Workload("scale:history", lambda size: ()),
    "W5": Workload("restart:restart", lambda size: (size.open_problems, size.backlog), usual=False),
    "flat": Workload("scale:flat", lambda size: (size.problems // 4, size.open_problems), usual=False),
    "hj212": Workload("monitors:monitors", lambda size: (5_000, max(1, size.problems // 5_000)), usual=False),
    "detector": Workload("detection:detection", lambda size: (1_000, max(1, size.problems // 12_000)), usual=False),
    "W6": Workload("soak:soak", lambda size: (size.minutes, size.per_second), usual=False),
}


def bench(
    problems: Annotated[int, typer.Option(min=100, help="Problems in W1; others follow from it.")] = 40_000,
    open_problems: Annotated[
        int, typer.Option(min=1000, help="Deadlines in W4, open problems in W5 and flat.")
    ] = 1_000_000,
    backlog: Annotated[int, typer.Option(min=100, help="What has come in meanwhile, in W5.")] = 100_000,
    minutes: Annotated[int, typer.Option(min=1, help="How long W6 takes.")] = 60,
    per_second: Annotated[float, typer.Option(min=1, help="Problems a second in W6.")] = 200.0,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(WORKLOADS)}; may be given again.")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Folder for a py-spy profile of each service in W1; it slows W1 down.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON line; progress goes to stderr.")
    ] = False,
) -> None:
    """Measure whole lifecycles, deadlines, intake and router, each beside its limit in the same run.

    W1: whole lives, 500 in hand at once. W2: the same in an open loop at 50, 80 and 100 % of the rate of W1 (which is
    then measured too), and how late lapses come. W3: intake alone. router: the router alone. path: its path from bytes
    to records, without broker and database. W4: deadlines. history: what a command costs where many came before.

    By name only, for they take longer. routers: one, two and four on one city. W5: the services come back to open
    deadlines and a backlog. flat: W1 beside ever more open problems, and on more partitions. hj212: 5,000 devices
    connected to the gateway of HJ 212. detector: readings judged by it. W6: a soak at a steady rate, a line a minute.

    Every run starts its own broker, database and services in a temporary folder, and checks its count: a run that
    lost or doubled anything is void and ends with exit code 1. The figures are for this machine, with everything on it.

    Example: duban bench --problems 12000 --only W1 --json
    """
    unknown = [name for name in only or [] if name not in WORKLOADS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is not one of {', '.join(WORKLOADS)}")
    import structlog
    import uvloop

    from duban_cli.bench.limits import loop_ms
    from duban_cli.bench.profile import spy

    if profile is not None:
        spy()
        profile.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    console = Console(stderr=True)
    sizes = Sizes(problems, open_problems, backlog, minutes, per_second, profile)
    figures: Figures = {"machine": _machine()}
    void: list[str] = []
    for name in _with_w1(only or [name for name, workload in WORKLOADS.items() if workload.usual]):
        console.rule(name)
        before = loop_ms()
        try:
            measured = uvloop.run(_run(WORKLOADS[name], sizes, console))
        except DubanError as error:  # what was measured before it stands
            console.print(f"[red]✗[/] {escape(f'{name} is void: {error}')}")
            void.append(name)
            continue
        figures[name] = {**measured, "loop_ms": [before, loop_ms()]}
        if not json:
            console.print_json(data=figures[name])
        if name == "W1":
            sizes = replace(sizes, highest=float(str(measured["per_s"])))
    if json:
        sys.stdout.write(jsonlib.dumps(figures) + "\n")
    if void:
        fail(ExitCode.FAILURE, f"{', '.join(void)}: counted wrong, so there are no figures of it")


def _with_w1(names: list[str]) -> list[str]:
    """W2 is measured against the rate of W1."""
    return (
        names if "W2" not in names or "W1" in names[: names.index("W2")] else ["W1", *(n for n in names if n != "W1")]
    )


async def _run(workload: Workload, sizes: Sizes, console: Console) -> Figures:
    module, _, function = workload.function.partition(":")
    measure = getattr(import_module(f"duban_cli.bench.{module}"), function)
    figures: Figures = await measure(
        *workload.sizes(sizes), lambda part, line: console.print(f"[bold]{part:<12}[/] {line}")
    )
    return figures


def _machine() -> dict[str, object]:
    parts = ("duban", "aiokafka", "asyncpg", "msgspec", "pydantic", "uvloop")
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in parts},
    }
