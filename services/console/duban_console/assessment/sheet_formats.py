"""A sheet as bytes: JSON for programs, CSV for spreadsheets, GeoJSON for maps; the same sheet, the same bytes. Pure."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from duban.policy.model.assessment import Bulletin, Period
from duban.texts import as_cell
from duban_console.assessment.periods import stretch_of
from duban_console.assessment.rows.units import Value
from duban_console.assessment.sheet import Sheet


def as_data(sheet: Sheet) -> dict[str, Any]:
    """The sheet as JSON data; instants are in UTC, days are local."""
    bulletin, stretch = sheet.bulletin, sheet.stretch
    rests_on = {"clause": bulletin.clause} if bulletin.clause else {"basis": bulletin.basis}
    return {
        "bulletin": bulletin.id,
        "kind": bulletin.kind,
        "title": sheet.title,
        **rests_on,
        "pack": sheet.pack,
        "calendar": sheet.calendar,
        "period": {"name": stretch.period, "first": stretch.first, "last": stretch.last, "start_at": stretch.start_at},
        "as_of": stretch.as_of,
        "needs_approval": bulletin.needs_approval,
        "recipients": sheet.recipients,
        "columns": [{"key": key, "title": title} for key, title in sheet.columns],
        "rows": sheet.rows,
    }


def to_json(sheet: Sheet) -> bytes:
    """One JSON document in one line."""
    return orjson.dumps(as_data(sheet), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def from_json(text: str, bulletin: Bulletin, zone: ZoneInfo) -> Sheet:
    """The sheet that :func:`to_json` wrote of ``bulletin``, without places; days are those of ``zone``."""
    data = orjson.loads(text)
    return Sheet(
        bulletin=bulletin,
        title=data["title"],
        stretch=stretch_of(Period(data["period"]["name"]), datetime.fromisoformat(data["as_of"]), zone),
        pack=data["pack"],
        calendar=data["calendar"],
        columns=tuple((column["key"], column["title"]) for column in data["columns"]),
        rows=tuple(data["rows"]),
        recipients=tuple(data["recipients"]),
    )


def to_geojson(sheet: Sheet) -> bytes:
    """The rows that lie somewhere as a feature collection (RFC 7946), with the cells by their headings, in one line."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [place.longitude, place.latitude]},
            "properties": {heading: row[key] for key, heading in sheet.columns},
        }
        for row, place in zip(sheet.rows, sheet.places, strict=True)
        if place is not None
    ]
    collection = {"type": "FeatureCollection", "title": sheet.title, "as_of": sheet.stretch.as_of, "features": features}
    return orjson.dumps(collection, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def to_csv(sheet: Sheet, *, bom: bool = False) -> bytes:
    """The headings and a line a row, as RFC 4180 has it, in UTF-8; Excel needs the ``bom`` to see that it is."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(csv_cell(heading) for _, heading in sheet.columns)
    writer.writerows([csv_cell(row[key]) for key, _ in sheet.columns] for row in sheet.rows)
    return (BOM_UTF8 if bom else b"") + text.getvalue().encode()


def csv_cell(value: Value) -> str:
    """``value`` as a cell, which no spreadsheet takes for a formula."""
    if value is None:
        return ""
    return as_cell(value) if isinstance(value, str) else str(value)
