"""``duban chaos``: things are broken on purpose while people work, and an independent checker says what came of it."""

from __future__ import annotations

import asyncio
import json as jsonlib
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from duban_cli.output import AsJson, ExitCode, command, err, out, write_json

if TYPE_CHECKING:
    from duban_cli.chaos.run import Options


@command
async def chaos(
    minutes: Annotated[float, typer.Option(min=0.2, max=24 * 60, help="How long people work.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="The same seed gives the same plan.")] = 1,
    faults: Annotated[str, typer.Option(help="`all`, numbers as F1, or names, parted by commas.")] = "all",
    rate: Annotated[float, typer.Option(min=1, max=2000, help="Reports a second.")] = 40.0,
    levels: Annotated[int, typer.Option(min=1, max=50, help="Levels of each ladder: the more, the more lapses.")] = 4,
    without: Annotated[list[str] | None, typer.Option(help="An invariant not to judge; may be given again.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write everything to this file as JSON, too.")] = None,
    plan_only: Annotated[bool, typer.Option("--plan", help="Print the plan, and strike nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Break things on purpose while people work, then heal, drain, and have an independent checker judge.

    It starts broker, database and services of its own in a temporary folder, which it removes when nothing was found.
    Ends with 0 when no invariant was broken, with 1 when one was, or when the run could not be carried through.

    Example: duban chaos --minutes 5 --seed 7 --faults F1,F3,database-stop --json --report chaos.json
    """
    import structlog

    from duban_cli.chaos.plan import plan
    from duban_cli.chaos.run import Options

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for client in ("aiokafka", "asyncio"):  # what they complain of is broken on purpose
        logging.getLogger(client).setLevel(logging.CRITICAL + 1)
    names = [name.strip() for name in faults.split(",")]
    options = Options(minutes, seed, names, rate, levels, without=tuple(without or ()))
    if plan_only:
        for strike in plan(seed, minutes * 60, options.faults):
            write_json(strike.as_json())
        return
    outcome = await _carried_through(options)
    if report is not None:
        report.write_text(jsonlib.dumps(outcome, indent=1), "utf-8")
    if as_json:
        write_json(outcome)
    else:
        _show(outcome)
    if outcome["judgement"]["violations"]:
        raise typer.Exit(ExitCode.FAILURE)


async def _carried_through(options: Options) -> dict[str, Any]:
    """The run; whoever ends this process ends the run in order, as Ctrl-C does."""
    from duban_cli.chaos.run import chaos

    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await chaos(options, _say)


def _say(part: str, line: str) -> None:
    err().print(f"[bold]{escape(part):<14}[/] {escape(line)}")


def _show(outcome: dict[str, Any]) -> None:
    """The judgement for people."""
    judgement, console = outcome["judgement"], out()
    for each in judgement["found"][:50]:
        console.print(escape(f"{each['invariant']:<4} {each['what']}: {each['problem']} {each['detail']}"))
    for invariant, why in judgement["left_out"].items():
        console.print(escape(f"{invariant:<4} not judged: {why}"))
    for name, seconds in judgement["recovery_s"].items():
        console.print(
            f"{name}: p50 {seconds['p50']:.1f}, p95 {seconds['p95']:.1f}, max {seconds['max']:.1f} of {seconds['n']}"
        )
    late = judgement["lateness_s"]
    console.print(f"lateness: p50 {late['p50']:.3f} s, p99 {late['p99']:.3f} s, max {late['max']:.3f} s")
    due = judgement["due_by_the_pack"]
    console.print(
        f"due by the pack: {due['n']}; {due['lapsed']} lapsed, {due['met_late']} were met late, before their lapse"
    )
    lapses, bound = judgement["lapses"], judgement["bound_95"]
    console.print(
        f"{sum(judgement['operations'].values())} operations, {len(outcome['struck'])} faults, {lapses} lapses, "
        f"{judgement['violations']} violations, 95 % bound {'none' if bound is None else f'3/{lapses} = {bound:.1e}'}"
    )
