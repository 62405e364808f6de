"""``python -m duban_checker``: collect traces from a running engine, and judge it.

Exit codes: 0 nothing is wrong · 1 an invariant does not hold · 2 it could not be read
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from duban_checker.judgement import NEEDS, Judgement, judge
from duban_checker.traces import Traces, TracesError

_CLEAN, _VIOLATED, _UNREADABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except TracesError as error:
        sys.stderr.write(f"duban-checker: {error}\n")
        return _UNREADABLE
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        sys.stderr.write(f"duban-checker: a row of {options.folder} is not of its form: {error!r}\n")
        return _UNREADABLE
    return code


def _collect(options: argparse.Namespace) -> int:
    from duban_checker.collection import collect

    options.folder.mkdir(parents=True, exist_ok=True)
    counts = asyncio.run(collect(options.folder, options.kafka, options.database, options.identity))
    rows = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stderr.write(f"duban-checker: {rows} in {options.folder}\n")
    return _CLEAN


def _judge(options: argparse.Namespace) -> int:
    judgement = judge(Traces(options.folder), options.without)
    if options.json:
        sys.stdout.write(orjson.dumps(judgement.as_json()).decode() + "\n")
    else:
        sys.stdout.write(in_words(judgement))
    return _VIOLATED if judgement.counts else _CLEAN


def in_words(judgement: Judgement) -> str:
    """The judgement for people."""
    figures = judgement.figures
    lines = [
        f"{each.invariant:<4} {each.what}: {each.problem} {each.detail}".rstrip() for each in judgement.violations[:50]
    ]
    lines += [f"{invariant:<4} not judged: {why}" for invariant, why in judgement.left_out.items()]
    lapses, bound = figures["lapses"], figures["bound_95"]
    lines.append(
        f"{sum(figures['operations'].values())} operations, {figures['faults']} faults, {lapses} lapses, "
        f"{sum(judgement.counts.values())} violations, 95 % bound "
        + ("none" if bound is None else f"3/{lapses} = {bound:.1e}")
    )
    late = figures["lateness_s"]
    lines.append(f"lateness p50 {late['p50']:.3f} s, p99 {late['p99']:.3f} s, max {late['max']:.3f} s")
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duban-checker",
        description="Whether an engine lost, doubled, hurried or hid anything (I1 to I14).",
        epilog="Example: python -m duban_checker judge traces --json. "
        "Ends with 0 (nothing is wrong), 1 (an invariant does not hold) or 2 (it could not be read).",
    )
    commands = parser.add_subparsers(required=True)
    collecting = commands.add_parser(
        "collect",
        help="read a running engine into a folder",
        description="Read ledger, receipts and topics into a folder.",
    )
    collecting.add_argument("folder", type=Path)
    collecting.add_argument("--kafka", required=True, help="bootstrap servers, host:port")
    collecting.add_argument("--database", required=True, help="postgresql://… of somebody who may read all schemas")
    collecting.add_argument(
        "--identity", action="append", default=[], help="text that must not stand anywhere; may be given again"
    )
    collecting.set_defaults(run=_collect)
    judging = commands.add_parser(
        "judge", help="judge a folder of traces", description="Judge a folder of traces, problem by problem."
    )
    judging.add_argument("folder", type=Path)
    judging.add_argument("--json", action="store_true", help="one JSON object instead of words")
    judging.add_argument(
        "--without",
        action="append",
        default=[],
        choices=list(NEEDS),
        help="an invariant to leave out; may be given again",
    )
    judging.set_defaults(run=_judge)
    return parser


if __name__ == "__main__":
    sys.exit(main())
