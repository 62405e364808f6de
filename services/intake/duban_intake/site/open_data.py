"""What was reported, for programs: GeoJSON (RFC 7946), CSV and RSS 2.0. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.utils import format_datetime
from io import StringIO
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from duban.texts import as_cell
from duban_intake.site.views import PublicView

#: The columns of the table, and the properties of each place.
COLUMNS: Final = (
    "id", "number", "title", "category", "state", "is_open", "unit", "begun_at", "updated_at", "expected_at", "ground",
    "latitude", "longitude",
)  # fmt: skip


def _properties(view: PublicView) -> dict[str, Any]:
    place = view.location
    point = {"latitude": place.latitude if place else None, "longitude": place.longitude if place else None}
    values = {name: getattr(view, name) for name in COLUMNS if name not in point}
    properties = {**values, **point}
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in properties.items()}


def geojson(views: Iterable[PublicView]) -> dict[str, Any]:
    """A collection of places; what has no place is left out."""
    features = [
        {
            "type": "Feature",
            "id": view.id,
            "geometry": {"type": "Point", "coordinates": [view.location.longitude, view.location.latitude]},
            "properties": {name: value for name, value in _properties(view).items() if "itude" not in name},
        }
        for view in views
        if view.location is not None
    ]
    return {"type": "FeatureCollection", "features": features}


def csv_table(views: Iterable[PublicView]) -> str:
    """A table with a heading, in UTF-8 with its mark, as spreadsheets open it; no cell is a formula."""
    file = StringIO()
    file.write("\ufeff")
    table = csv.writer(file)
    table.writerow(COLUMNS)
    table.writerows([_cell(value) for value in _properties(view).values()] for view in views)
    return file.getvalue()


def _cell(value: Any) -> str:
    return as_cell(value) if isinstance(value, str) else "" if value is None else str(value)


def rss(views: Sequence[PublicView], title: str, url: str, language: str) -> bytes:
    """A feed of what has changed last; ``url``: of the page that it is the feed of."""
    feed = Element("rss", {"version": "2.0"})
    channel = SubElement(feed, "channel")
    for name, text in (("title", title), ("link", url), ("description", title), ("language", language)):
        SubElement(channel, name).text = text
    for view in sorted(views, key=lambda view: view.updated_at, reverse=True):
        entry = SubElement(channel, "item")
        SubElement(entry, "title").text = f"{view.title}: {view.state}"
        SubElement(entry, "link").text = f"{url}/{view.id}"
        SubElement(entry, "guid", {"isPermaLink": "false"}).text = f"{view.id}@{view.updated_at.isoformat()}"
        SubElement(entry, "pubDate").text = format_datetime(view.updated_at)
        SubElement(entry, "description").text = f"{view.category} · {view.unit} · {view.state}"
    written: bytes = tostring(feed, encoding="utf-8", xml_declaration=True)
    return written
