"""What the office compiles of a city on virtual time: the sheet of a bulletin of its pack, as of the end of a day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from duban.messages.records import Event
from duban.policy.model.assessment import Assessment
from duban_console.assessment.histories import histories
from duban_console.assessment.periods import as_of
from duban_console.assessment.rows.targets import TargetReading, readings_of
from duban_console.assessment.selection import chosen
from duban_console.assessment.sheet import Sheet, compiled
from tests.acceptance.timeline import City


def events_of(city: City) -> list[Event]:
    """Every event of the city, record by record, in order."""
    told = (event for cases in city.cases.values() if cases for event in cases[0].events)
    return sorted(told, key=lambda one: (one.problem_id, one.version))


def sheet_of(
    city: City, name: str, day: str, *, assessment: Assessment | None = None, readings: Iterable[TargetReading] = ()
) -> Sheet:
    """The bulletin ``name`` in English as of ``day``, scored by the pack's assessment or by another.

    Without ``readings``, it is held against those that the city has entered.
    """
    pack, until_at = city.rules.pack, as_of(day, city.rules.zone)
    found = histories(events_of(city), lambda _: city.rules, pack.jurisdiction, until_at)
    by = assessment or pack.assessment
    readings = readings or readings_of(events_of(city), pack.jurisdiction, until_at)
    return compiled(chosen(pack, name), by, found, city.rules, until_at, language="en", readings=readings)


def row_of(sheet: Sheet, unit: str | None) -> dict[str, Any]:
    """The row of a unit; None for the total."""
    return next(dict(one) for one in sheet.rows if one["unit_id"] == unit)


def points_of(sheet: Sheet, unit: str) -> dict[str, Any]:
    """The points of a unit by indicator, without those that could not be measured."""
    cells = row_of(sheet, unit).items()
    return {key.removesuffix(".points"): value for key, value in cells if key.endswith(".points") and value is not None}
