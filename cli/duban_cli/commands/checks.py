"""``duban check`` and ``duban test``: what must hold before a change goes in."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_local import ROOT

_BIN: Final = Path(sys.executable).parent
_TESTS: Final = "unit tests"
#: Each check by its name; they share nothing, so they run at once.
_CHECKS: Final[dict[str, list[str]]] = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "imports": ["lint-imports"],
    "types": ["mypy"],
    _TESTS: ["pytest", "tests/unit", "--numprocesses", "logical"],
}


@dataclass(frozen=True, slots=True)
class Result:
    """How one check ended, after how many seconds, and what it said."""

    name: str
    exit_code: int
    seconds: float
    said: str


@command
async def check(
    with_tests: Annotated[bool, typer.Option("--tests/--no-tests", help="The unit tests too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Lint, format, import laws, types and unit tests, all at once; ends with 1 if one fails.

    Example: duban check
    """
    checks = {name: argv for name, argv in _CHECKS.items() if with_tests or name != _TESTS}
    _have(*{argv[0] for argv in checks.values()})
    running = [asyncio.create_task(_run(name, argv)) for name, argv in checks.items()]
    failed = 0
    for finished in asyncio.as_completed(running):
        result = await finished
        failed += result.exit_code != 0
        if as_json:
            write_json({"check": result.name, "exit_code": result.exit_code, "seconds": round(result.seconds, 2)})
            continue
        mark = "[green]✓[/]" if result.exit_code == 0 else "[red]✗[/]"
        out().print(f"{mark} {result.name} [dim]{result.seconds:.1f} s[/]")
        if result.exit_code:
            err().print(escape(result.said.strip()))
    if failed:
        fail(ExitCode.FAILURE, f"{failed} of {len(running)} checks failed")


async def _run(name: str, argv: list[str]) -> Result:
    began = time.monotonic()
    program, *arguments = argv
    process = await asyncio.create_subprocess_exec(
        _BIN / program, *arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return Result(name, process.returncode, time.monotonic() - began, output.decode(errors="replace"))


def test(
    context: typer.Context,
    arguments: Annotated[list[str] | None, typer.Argument(help="What pytest takes.", show_default=False)] = None,
) -> None:
    """Run every test, on the real broker and database; arguments go to pytest.

    Example: duban test tests/integration -k replay
    """
    _have("pytest")
    os.chdir(ROOT)
    argv = [str(_BIN / "pytest"), *(arguments or []), *context.args]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)  # noqa: S603 - the developer's own arguments


def _have(*programs: str) -> None:
    """End the command unless the developer's tools are there: a venv has them only once the launcher was asked."""
    missing = sorted(program for program in programs if not (_BIN / program).exists())
    if missing:
        say = f"not installed in {_BIN}: {', '.join(missing)}. Run ./duban test or ./duban check: they install it, once"
        fail(ExitCode.FAILURE, say)
