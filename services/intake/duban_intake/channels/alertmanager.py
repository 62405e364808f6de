"""Alerts of Prometheus' Alertmanager, version 4 of its webhook. Pure.

An alert is one report, known by its labels and since when it fires, however often it is told and whatever its texts say
then. That it ended is noted, and closes nothing. https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from duban.errors import Fault
from duban.messages import struct
from duban.messages.report import MOST_OF_NAME
from duban.messages.struct import canonical_json
from duban_intake.channels.dialect import ENDED, Dialect
from duban_intake.channels.items import ItemMapping, Note, Parsed, ReportItem, document, inside, read_items
from duban_intake.channels.table import BadRow

_MOST_ATTRIBUTES: Final = 50
_LONGEST: Final = 8_000

#: ``id`` and ``title`` are put beside what is sent: who the alert is, and its summary, else its name.
MAPPING: Final = {
    "id": "id",
    "columns": {"title": "title", "text": "annotations.description", "observed_at": "startsAt"},
    "observed_at": {"format": "iso8601", "timezone": "UTC"},
    "attributes": ["generatorURL"],
}


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The alerts in ``body``: those that fire are reports, those that ended are notes."""
    group = document(body)
    alerts = group.get("alerts") if isinstance(group, dict) else None
    if not isinstance(alerts, list):
        say = "has no list of alerts; point a webhook_config of Alertmanager, or a webhook of Grafana, here"
        raise Fault(400, "invalid", say, "alerts")
    firing: dict[int, dict[str, Any]] = {}
    bad: list[BadRow] = []
    notes: list[Note] = []
    for number, alert in enumerate(alerts, 1):
        match inside(alert, "status"):
            case "firing":
                firing[number] = _named(alert)
            case "resolved":
                notes.append(Note(_named(alert)["id"], ENDED))
            case _:
                bad.append(BadRow(number, "status", "is neither firing nor resolved; an alert says which"))
    if (left_out := inside(group, "truncatedAlerts")) and isinstance(left_out, int):
        notes.append(
            Note(str(inside(group, "groupKey")), f"{left_out} alerts were left out by the sender; raise its max_alerts")
        )
    return _read(firing, mapping, at, bad, notes)


def _read(
    firing: dict[int, dict[str, Any]],
    mapping: ItemMapping,
    at: datetime,
    bad: Sequence[BadRow],
    notes: Sequence[Note],
) -> Parsed:
    numbers = list(firing)
    parsed = read_items(firing.values(), mapping, at)
    entries = tuple(_labelled(replace(entry, item=numbers[entry.item - 1]), firing) for entry in parsed.entries)
    others = tuple(replace(row, line=numbers[row.line - 1]) for row in parsed.bad)
    return Parsed(entries, (*bad, *others), tuple(notes))


def _named(alert: dict[str, Any]) -> dict[str, Any]:
    """``alert`` with who it is, and how it is called."""
    labels = alert.get("labels")
    fingerprint = alert.get("fingerprint") or sha256(canonical_json(labels)).hexdigest()[:16]
    title = inside(alert, "annotations.summary") or inside(alert, "labels.alertname")
    return {**alert, "id": f"{fingerprint}/{_instant(alert.get('startsAt'))}", "title": title}


def _instant(text: object) -> str:
    """``text`` as every sender would write that instant; as it stands where it is none, for the mapping to tell."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return str(text)


def _labelled(entry: ReportItem, firing: dict[int, dict[str, Any]]) -> ReportItem:
    """``entry`` with the labels of its alert as attributes."""
    labels = firing[entry.item].get("labels")
    report = entry.message.data
    fitting = {
        name: str(text) for name, text in (labels.items() if isinstance(labels, dict) else ())
        if 0 < len(name) <= MOST_OF_NAME and (name + str(text)).isprintable() and not name.startswith((" ", "@"))
        and len(str(text)) <= _LONGEST
    }  # fmt: skip
    together = [*report.attributes.items(), *fitting.items()][:_MOST_ATTRIBUTES]
    labelled = struct.replace(report, attributes=dict(together))
    return replace(entry, message=struct.replace(entry.message, data=labelled))


ALERTMANAGER: Final = Dialect(parse, MAPPING, repeats=True, drops=True)
