"""The ``duban`` command, run in this process against an engine that a test has started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest
from typer.testing import CliRunner, Result

from duban_cli import app

#: ``await run("problem", "ls", code=0)``: fails unless the command ends with ``code``.
Run = Callable[..., Awaitable[Result]]


class Engine(Protocol):
    """Where the broker and the database are."""

    @property
    def kafka(self) -> str: ...
    @property
    def database(self) -> str: ...


def command_on(engine: Engine, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Run:
    """The command on ``engine``, with further variables in its environment."""
    told = {"DUBAN_KAFKA": engine.kafka, "DUBAN_DATABASE": engine.database, "NO_COLOR": "1", **environment}
    if (folder := getattr(engine, "folder", None)) is not None:
        told["DUBAN_FOLDER"] = str(folder)  # its note says where the API is, and its key lies there
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: object, code: int = 0, stdin: str | None = None) -> Result:
        result = await asyncio.to_thread(CliRunner().invoke, app, [str(one) for one in arguments], input=stdin)
        assert result.exit_code == code, f"{result.exit_code}\n{result.stdout}\n{result.stderr}\n{result.exception!r}"
        return result

    return run


def lines(result: Result) -> list[Any]:
    """What a command printed with ``--json``, a document a line."""
    return [json.loads(line) for line in result.stdout.splitlines()]
