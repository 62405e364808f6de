"""Events of PagerDuty's Events API, version 2, which many tools send. Pure.

A trigger is a report under its ``dedup_key``; that it is resolved is noted, and a trigger after that is another report.
https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from duban.errors import Fault
from duban_intake.channels.dialect import ENDED, Dialect
from duban_intake.channels.items import ItemMapping, Note, Parsed, document, read_items

_LONGEST_KEY: Final = 255
#: What an action that is no trigger tells of what was triggered.
_NOTES: Final = {"acknowledge": "acknowledged", "resolve": ENDED}

MAPPING: Final = {
    "id": "dedup_key",
    "columns": {"title": "payload.summary", "text": "payload.custom_details", "observed_at": "payload.timestamp"},
    "observed_at": {"format": "iso8601", "timezone": "UTC"},
    "attributes": [
        "payload.source", "payload.severity", "payload.component", "payload.group", "payload.class", "client_url",
    ],
}  # fmt: skip


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The event in ``body``: a trigger is a report, any other a note."""
    event = event_in(body)
    key = event.get("dedup_key")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= _LONGEST_KEY):
        raise Fault(400, "invalid", f"should be a text of 1 to {_LONGEST_KEY} characters", "dedup_key")
    action = str(event.get("event_action"))
    if action == "trigger":
        # Without a key each trigger stands for itself, when it comes.
        own = key or sha256(body + at.isoformat().encode()).hexdigest()[:32]
        return read_items([{**event, "dedup_key": own}], mapping, at)
    if action not in _NOTES:
        raise Fault(400, "invalid", "should be trigger, acknowledge or resolve", "event_action")
    if key is None:
        raise Fault(400, "invalid", "is missing, and only a trigger may be without", "dedup_key")
    return Parsed(notes=(Note(key, _NOTES[action]),))


def event_in(body: bytes) -> dict[str, Any]:
    """The event in ``body``.

    Raises:
        Fault: 400, it is none.
    """
    event = document(body)
    if not isinstance(event, dict):
        raise Fault(400, "invalid", "an event is a JSON object", "(root)")
    return event


PAGERDUTY: Final = Dialect(parse, MAPPING, repeats=True, recurs=True)
