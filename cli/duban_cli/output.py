"""What every command shares: data on stdout, the rest on stderr, and exit codes that a script can rely on."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Annotated, Any, Final, NoReturn, ParamSpec

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from duban.clock import within_range
from duban.errors import DubanError
from duban.io.availability import is_unavailable
from duban.texts import printable, printable_json

P = ParamSpec("P")

#: As a shell says it of a program that Ctrl-C ended.
_INTERRUPTED = 130
#: Columns of a table that no terminal bounds, as in a pipe.
_WIDE = 240
_LENGTH: Final = re.compile(r"(\d{1,4})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document a line, for programs.")]

InUtc = Annotated[bool, typer.Option("--utc", help="Instants in UTC, instead of the time of the city.")]


class ExitCode(IntEnum):
    """How a command ends."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4  #: refused, or in contradiction to what stands
    UNAVAILABLE = 5  #: Kafka, the database or a service is away
    LISTED = 6  #: of `duban listing check` alone: the name stands on a list


#: What ends a command with which code; of the classes of an error the nearest counts. By name, because a command that
#: cannot raise one need not import the module that declares it.
_ENDS: Final = {
    "duban.errors.Unavailable": ExitCode.UNAVAILABLE,
    "duban.errors.SettingsError": ExitCode.USAGE,
    "duban.errors.DubanError": ExitCode.FAILURE,
    "duban_local.children.StackError": ExitCode.UNAVAILABLE,
    "duban_console.packs.publication.Contradiction": ExitCode.CONFLICT,
    "duban_console.accounts.rows.AccountRefused": ExitCode.CONFLICT,
    "duban_console.accounts.rows.NotThere": ExitCode.NOT_FOUND,
    "duban_console.accounts.rows.Unusable": ExitCode.USAGE,
    "duban_console.sources.SourceConflict": ExitCode.CONFLICT,
    "duban_console.action.InvalidAction": ExitCode.USAGE,
    "duban_console.witnesses.UnusableFile": ExitCode.USAGE,
    "duban_cli.calendar_file.NoSuchCalendar": ExitCode.USAGE,
    "duban_cli.identity.BadAddress": ExitCode.USAGE,
    "duban_cli.identity.NotSignedIn": ExitCode.CONFLICT,
    "duban_cli.sign_in_file.Untrusted": ExitCode.CONFLICT,
    "builtins.UnicodeDecodeError": ExitCode.FAILURE,
}


class Screen(Console):
    """A console that shows what others have written: what a terminal would obey is escaped."""

    def render_str(self, text: str, *args: Any, **kwargs: Any) -> Text:
        return super().render_str(printable(text, but="\n\t"), *args, **kwargs)


def out() -> Screen:
    """Where data go. Made anew each time: whoever runs the command may have put another stream in place."""
    return Screen(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def err() -> Screen:
    """Where everything else goes."""
    return Screen(stderr=True, soft_wrap=True, highlight=False)


def write_json(data: Any) -> None:
    """One line of JSON on stdout, with what a terminal would obey escaped as JSON has it."""
    sys.stdout.write(printable_json(orjson.dumps(data, default=str).decode()) + "\n")
    sys.stdout.flush()


def fail(code: ExitCode, message: str) -> NoReturn:
    """Say what is wrong and end with ``code``."""
    err().print(f"[red]✗[/] {escape(message)}")
    raise typer.Exit(code)


def command(action: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """An async function as a command; every error of ours ends it with its code and one line."""

    @functools.wraps(action)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(action(*args, **kwargs))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read has seen enough; what is left in the buffer must not be flushed into the closed pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            fail(code_of(error), words_of(error))

    run.__signature__ = inspect.signature(action, eval_str=True)  # type: ignore[attr-defined]
    return run


def code_of(error: Exception) -> ExitCode:
    """The exit code for ``error``; one that is none of ours is raised again."""
    for kind in type(error).__mro__:
        if (code := _ENDS.get(f"{kind.__module__}.{kind.__qualname__}")) is not None:
            return code
    if is_unavailable(error):
        return ExitCode.UNAVAILABLE
    raise error


def words_of(error: Exception) -> str:
    """``error`` in one line for people."""
    if isinstance(error, UnicodeDecodeError):
        return f"the file is not in UTF-8: byte {error.object[error.start]:#04x} at {error.start}; convert it first"
    return str(error) if isinstance(error, DubanError) else f"{type(error).__name__}: {error}"


def shown_at(at: datetime, zone: tzinfo | None, precision: str = "minutes") -> str:
    """``at`` for people: ``2026-07-01 09:00 +08:00`` in ``zone``, else ``2026-07-01 01:00Z``."""
    if zone is None:
        return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", precision) + "Z"
    local = at.astimezone(zone)
    return f"{local.replace(tzinfo=None).isoformat(' ', precision)} {local.isoformat()[-6:]}"


def shown_until(at: datetime | None, zone: tzinfo | None, *, provisional: bool) -> str:
    """The end of a limit as people read it; ``provisional``: a notice of holidays may still move it."""
    return f"{'provisionally ' * provisional}{shown_at(at, zone)}" if at else "–"


def length_in(text: str) -> timedelta | None:
    """The length of time that ``text`` says, as ``30m``, ``6h`` or ``2d``; None when it is none."""
    length = _LENGTH.fullmatch(text)
    return None if length is None else timedelta(**{_UNITS[length[2]]: int(length[1])})


def instant_in(option: str, text: str) -> datetime:
    """The instant that ``option`` gives, with its offset; ends the command when it is none."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        fail(ExitCode.USAGE, f"{option}: {text} is no instant; write it as 2026-07-01T09:00+08:00")
    if instant.tzinfo is None:
        fail(ExitCode.USAGE, f"{option}: {text} says no offset; write it as {text}+08:00")
    try:
        return within_range(instant)
    except ValueError as error:
        fail(ExitCode.USAGE, f"{option}: {text} {error}")
