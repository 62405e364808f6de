"""Short messages of people, as a gateway of them calls back: JSON or a form, by the mapping of its source. Pure.

Gateways differ in the names of their fields and in what they want to hear; both stand in the mapping. Whatever a
message is known by would tell its number to who tries all of them, so the door makes the id anew, by the vault's key.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

from pydantic import Field

from duban.errors import Fault
from duban.messages.struct import canonical_json
from duban.policy.model.entry import Written
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, document, inside, read_items

_BESIDE: Final = "sms"
_MOST_FIELDS: Final = 200
MAPPING: Final = {"id": f"{_BESIDE}.id"}


class SmsAnswer(Written):
    """What the gateway wants to hear once a message is taken."""

    type: Literal["application/json", "text/plain", "text/xml"] = "text/plain"
    body: Annotated[str, Field(max_length=1_000)] = ""


class SmsMapping(ItemMapping):
    """How short messages become reports; ``answer``: what their gateway hears, ``url``: by what address it calls.

    ``url`` is needed where it signs the address, and a proxy has another one.
    """

    answer: SmsAnswer | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=1_000)] | None = None


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The messages in ``body``: JSON, one or a list, or a form, which is one or has JSON in the field ``items``."""
    sent = document(body) if body.lstrip()[:1] in (b"{", b"[") else form_of(body)
    if mapping.items is not None:
        sent = inside(sent, mapping.items)
        sent = document(sent.encode()) if isinstance(sent, str) else sent
        if not isinstance(sent, dict | list):
            say = f"no message stands at {mapping.items}, where the mapping has them; correct one of them"
            raise Fault(400, "invalid", say, mapping.items)
    messages = sent if isinstance(sent, list) else [sent]
    return read_items([_known(message) for message in messages], mapping, at)


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form; of one that stands there twice, the first.

    Raises:
        Fault: 400, it is none.
    """
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Fault(400, "not_a_form", "the body is neither JSON nor a form in UTF-8; send one of them") from None
    if not pairs:
        raise Fault(400, "not_a_form", "the body is empty; send the message")
    return dict(reversed(pairs))


def _known(message: Any) -> Any:
    """``message`` with what it is known by, where its gateway gives it no id."""
    if not isinstance(message, dict):
        return message
    return {**message, _BESIDE: {"id": sha256(canonical_json(message)).hexdigest()}}


SMS: Final = Dialect(parse, MAPPING, model=SmsMapping, hides=True)
