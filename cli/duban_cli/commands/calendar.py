"""``duban calendar``: holiday calendars of other countries and regions."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from duban.policy import load_calendar
from duban_cli.output import ExitCode, command, err, fail

calendar_app = typer.Typer(no_args_is_help=True, help="Holiday calendars of other countries and regions.")


@calendar_app.command("make")
@command
async def make(
    country: Annotated[str, typer.Option(help="The country, ISO 3166: GB, DE, JP.")],
    years: Annotated[str, typer.Option(help="The years: 2025-2028, or one.")],
    subdivision: Annotated[str | None, typer.Option(help="The region, ISO 3166-2 without the country: ENG.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The IANA time zone, where the country has more than one.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="The id of the calendar; gb-eng for ENG in GB, if not given.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="The language of the days' names: en_GB, de.")] = None,
    output: Annotated[Path | None, typer.Option(help="The file; ID.yaml in this folder, if not given.")] = None,
) -> None:
    """Write a calendar of public holidays as a YAML file, to be checked against the law and then published.

    The days are those of the package holidays, with their names. Each year says that it is not checked yet, in its
    `source`: name there the law or the notice that you found it in. A file that is there already is not overwritten.

    Example: duban calendar make --country GB --subdivision ENG --years 2025-2028
    """
    from duban_cli.calendar_file import calendar_file  # the package of holidays is long to import

    given = {
        "country": country, "subdivision": subdivision, "years": years, "timezone": timezone, "id": id_,
        "language": language,
    }  # fmt: skip
    words = [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]
    text = calendar_file(
        country,
        subdivision,
        _years(years),
        id_=id_,
        timezone=timezone,
        language=language,
        origin=shlex.join(["duban", "calendar", "make", *words]),
    )
    notice = load_calendar(text, "what was asked for")
    file = output or Path(f"{notice.id}.yaml")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        fail(ExitCode.CONFLICT, f"{file} is there already and stays: name another file with --output")
    except OSError as error:
        fail(ExitCode.USAGE, f"{file} cannot be written: {error.strerror}")
    days = sum(len(year.holidays) for year in notice.years.values())
    err().print(escape(f"{file}: {days} days off in {len(notice.years)} years; check them against the law"))


def _years(text: str) -> list[int]:
    """The years that ``text`` names: ``2025-2028``, or one."""
    match = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        fail(ExitCode.USAGE, f"--years: {text} names no years; write 2025-2028, or 2026 for one")
    return list(range(first, last + 1))
