"""A calendar of another country or region as a file that a person can check and cite, from the package holidays."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from typing import Final

import holidays
import yaml

from duban.calendar import FIRST_YEAR, LAST_YEAR, WEEK, Weekday
from duban.errors import DubanError

_VERSION: Final = version("holidays")


class NoSuchCalendar(DubanError):
    """No calendar can be made of what was asked for."""


def calendar_file(
    country: str,
    subdivision: str | None,
    years: Sequence[int],
    *,
    id_: str | None = None,
    timezone: str | None = None,
    language: str | None = None,
    origin: str,
) -> str:
    """The YAML of a calendar with the public holidays of ``years``; ``origin`` is the command that makes it again.

    Raises:
        NoSuchCalendar: what was asked for does not exist, or does not make one calendar; with what is allowed.
    """
    known = _known(country, subdivision, years, language)
    place = "-".join(filter(None, (country, subdivision)))
    weekend = _weekend(known, place, years)
    lines = [
        *_head(known, place, origin),
        f"id: {id_ or re.sub('[^a-z0-9]+', '-', place.lower())}",
        "version: 1",
        f"timezone: {timezone or _timezone(country)}",
        f"weekend: [{', '.join(weekend)}]",
        "years:",
        *(line for year in years for line in _year(known, place, year)),
    ]
    return "\n".join(lines) + "\n"


def _known(country: str, subdivision: str | None, years: Sequence[int], language: str | None) -> holidays.HolidayBase:
    """What the package says of the place in ``years``."""
    countries = holidays.list_supported_countries()
    if country not in countries:
        codes = _some(code for code in countries if len(code) == 2)
        raise NoSuchCalendar(f"{country} is no country that the package holidays knows: {codes}")
    if not years or not FIRST_YEAR <= years[0] <= years[-1] <= LAST_YEAR:
        raise NoSuchCalendar(f"a calendar covers the years {FIRST_YEAR} to {LAST_YEAR}, such as 2025-2028 or 2026")
    languages = holidays.list_localized_countries().get(country, [])
    if language is not None and language not in languages:
        raise NoSuchCalendar(
            f"{language} is no language of the days of {country}: {_some(languages) or 'only its own'}"
        )
    try:
        return holidays.country_holidays(country, subdiv=subdivision, years=years, language=language)
    except NotImplementedError:
        allowed = _some(countries[country]) or "it has none"
        raise NoSuchCalendar(f"{subdivision} is no subdivision of {country}: {allowed}") from None


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _weekend(known: holidays.HolidayBase, place: str, years: Sequence[int]) -> list[Weekday]:
    """The days of the week that are off, which must be the same all the time."""
    first, last = date(years[0], 1, 1).toordinal(), date(years[-1], 12, 31).toordinal()
    days = [date.fromordinal(ordinal) for ordinal in range(first, last + 1)]
    weekend = [WEEK[day.weekday()] for day in sorted(days[:7], key=date.weekday) if known.is_weekend(day)]
    for day in days:
        if known.is_weekend(day) != (WEEK[day.weekday()] in weekend):
            raise NoSuchCalendar(
                f"the weekend of {place} is {', '.join(weekend)} before {day}, and another from then on: "
                "make a file for each"
            )
    return weekend


def _timezone(country: str) -> str:
    """The only time zone of the country."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    zones = [row[2] for row in rows if row[0] == country]
    if not zones:
        raise NoSuchCalendar(f"the time zone of {country} is not known; name it with --timezone, as in Europe/London")
    if len(zones) > 1:
        raise NoSuchCalendar(f"{country} has more than one time zone; name its own with --timezone: {_some(zones)}")
    return zones[0]


def _head(known: holidays.HolidayBase, place: str, origin: str) -> Iterator[str]:
    """What a reader must know of the file, and where the package has its days from."""
    yield f"# Public holidays of {place}, as the package holidays {_VERSION} has them. Made by:"
    yield f"#   {origin}"
    yield "# Check each year against the law or the notice that fixes it, and name that in `source`, before anybody is"
    yield "# bound by it. A year that is absent is counted by weekends, and what is counted over it is provisional."
    references = [url for kind in type(known).__mro__ for url in re.findall(r"<(https?://[^>\s]+)>", _text_of(kind))]
    if references:
        yield "# The package refers to:"
        yield from (f"#   {url}" for url in dict.fromkeys(references))


def _text_of(kind: type) -> str:
    """The documentation of a class of the package; none for what every class of it has in common."""
    module = kind.__module__
    return inspect.cleandoc(kind.__doc__ or "") if module.startswith("holidays.countries") else ""


def _year(known: holidays.HolidayBase, place: str, year: int) -> Iterator[str]:
    off = {day: known.get_list(day) for day in sorted(known) if day.year == year}
    on = [day for day in sorted(known.weekend_workdays) if day.year == year]
    if not off:
        raise NoSuchCalendar(f"the package holidays knows no public holiday of {place} in {year}: leave that year out")
    yield f"  {year}:"
    source = f"package holidays {_VERSION}, {place}, {year}; not checked against the law yet"
    yield f"    source: {_scalar(source)}"
    yield "    holidays:"
    yield from (f"      {day}: {_scalar('; '.join(names))}  # {day:%a}" for day, names in off.items())
    if on:
        yield "    workdays:"
        yield from (f"      {day}: worked for a day off  # {day:%a}" for day in on)


def _scalar(text: str) -> str:
    """``text`` as YAML on one line."""
    dumped: str = yaml.safe_dump(text, allow_unicode=True, width=1000)
    return dumped.removesuffix("\n...\n").rstrip("\n")
