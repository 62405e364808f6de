"""What a registered source need not say in every report: its name, its jurisdiction, its channel. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from duban.messages.sources import RegisteredSource


def filled(source: RegisteredSource, body: bytes, *, is_event: bool, is_structured: bool) -> bytes:
    """``body`` with what its source has in common put where nothing stands; as it is, where it is no JSON object."""
    common = {"jurisdiction": source.jurisdiction, "channel": source.channel, "category": source.category}
    if not is_event and not source.is_open:
        common["source"] = source.name
    missing = {name: text for name, text in common.items() if text is not None}
    if not missing:
        return body
    try:
        sent: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    report = sent.get("data") if is_structured and isinstance(sent, dict) else sent
    if not isinstance(report, dict):
        return body
    for name, text in missing.items():
        if report.get(name) is None:
            report[name] = text
    try:
        return orjson.dumps(sent)
    except orjson.JSONEncodeError:  # nests deeper than is written: the reader says what is wrong with it
        return body
