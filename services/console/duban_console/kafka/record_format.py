"""Records as people and programs read them, also such as are no messages of ours."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from duban.messages.commands import Collect
from duban.messages.envelope import sendable
from duban.texts import printable

if TYPE_CHECKING:
    from duban_console.kafka.topic_reader import Raw

#: Stands for the code with which a reward is collected: it is money in the hands of whoever reads it.
_HIDDEN = "(not shown)"


def unpacked(record: Raw) -> dict[str, Any]:
    """``record`` as one JSON object: the attributes of its CloudEvent, its data, its other headers, its place."""
    headers = dict(record.headers)
    structured = _json(record.value) if _is_structured(headers) else None
    if isinstance(structured, dict):
        event = structured
    else:
        event = {name[3:]: shown(value) for name, value in record.headers if name.startswith("ce_")}
        event["data"] = _data(record.value)
    if event.get("type") == Collect.TYPE:
        data = event.get("data")
        event["data"] = {**data, "code": _HIDDEN} if isinstance(data, dict) else _HIDDEN
    others = {sendable(name): shown(value) for name, value in record.headers if not name.startswith("ce_")}
    return {
        **event,
        "key": shown(record.key),
        "headers": others,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "appended_at": _appended(record).isoformat(),
    }


def one_line(record: Raw) -> str:
    """``record`` in one line with rich's markup: when, what, about what, and what matters of its data."""
    from rich.markup import escape  # of the command line alone: the API has no use for it

    event = unpacked(record)
    data = event["data"] if isinstance(event.get("data"), dict) else {}
    kind = str(event.get("type", "?")).removeprefix("duban.")
    code = event["headers"].get("duban.dlq.code")
    summary = f"{code}: {event['headers'].get('__streams.errors.message', '')}" if code else _said(data)
    at = str(event.get("time") or event["appended_at"])[:19]
    subject = data.get("problem", {}).get("number") or event.get("subject") or event.get("key") or ""
    place = f"{record.partition}/{record.offset}"
    return printable(
        f"[dim]{escape(at)} {place:>8}[/] [bold]{escape(kind)}[/] {escape(str(subject))} "
        f"[dim]{escape(str(event.get('jurisdiction', '')))}[/] {escape(summary)}"
    )


def written_out(record: Raw, most_bytes: int | None = None) -> list[str]:
    """The value of ``record`` for people, line by line: JSON set out, other text as it is, other bytes in hex.

    At most the first ``most_bytes`` of what is no JSON.
    """
    value = record.value
    if value is None:
        return ["–"]
    data = unpacked(record)["data"]
    if not isinstance(data, str):
        return [printable(line) for line in orjson.dumps(data, option=orjson.OPT_INDENT_2).decode().split("\n")]
    if data == _HIDDEN:
        return [data]
    head = value[:most_bytes]
    cut = [f"… of {len(value)} bytes"] if len(head) < len(value) else []
    text = _text_of(head)
    return [*(_hex(head) if text is None else map(printable, text.split("\n"))), *cut]


def _text_of(head: bytes) -> str | None:
    """The text that begins with ``head``, which may end within a character; None where it is no text."""
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        return head[: error.start].decode() if error.reason == "unexpected end of data" else None


def _hex(raw: bytes) -> list[str]:
    """Sixteen bytes a line: where they are, in hex, and as ASCII."""
    return [
        f"{at:08x}  {raw[at : at + 16].hex(' '):<47}  "
        + "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in raw[at : at + 16])
        for at in range(0, len(raw), 16)
    ]


#: What is worth a word, in this order, whichever payload carries it.
_WORDS = ("lead_unit", "outcome", "note", "obligation", "measure", "level", "recipient", "code", "title", "text", "at")


def _said(data: Mapping[str, Any]) -> str:
    """The few fields that tell the kinds of payload apart, with who acted and why."""
    event = data.get("event", data)
    change = event.get("change", event)
    parts = [f"{name} {change[name]}" for name in _WORDS if isinstance(change.get(name), str | int)]
    actor = event.get("actor")
    who = f"by {actor.get('unit')}" if isinstance(actor, dict) else ""
    why = f"({event['reason']})" if event.get("reason") else ""
    return " ".join(filter(None, (*(part[:80] for part in parts[:4]), who, why)))


def shown(raw: bytes | None) -> str | None:
    """Bytes as text; what is no text as ``base64:…``."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(raw).decode()


def _appended(record: Raw) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


def _is_structured(headers: Mapping[str, bytes | None]) -> bool:
    return (headers.get("content-type") or b"").lower().startswith(b"application/cloudevents")


def _data(value: bytes | None) -> Any:
    document = _json(value)
    return shown(value) if document is None else document


def _json(value: bytes | None) -> Any:
    try:
        return orjson.loads(value) if value is not None else None
    except orjson.JSONDecodeError:
        return None
