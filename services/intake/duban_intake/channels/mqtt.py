"""Messages of MQTT with JSON in them: each is a report, or a list of them, by the mapping of its source. Pure.

``columns`` may name what the topic says, too: ``mqtt.topic.1`` is its second level. What names no id is known by its
topic and its bytes, so that a message that comes again is the same report.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Self

import orjson
from pydantic import AfterValidator, Field, model_validator

from duban.errors import Fault
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, document, listed, read_items

#: Beside what an item says: the levels of its topic, and what it is known by.
BESIDE: Final = "mqtt"
MAPPING: Final = {"id": f"{BESIDE}.id"}


def _topic_filter(text: str) -> str:
    """``text``, if a subscription may ask for it."""
    levels = text.split("/")
    if text.startswith("$"):
        raise ValueError(
            "begins with $: those topics are the broker's own; the gateway shares its subscriptions itself"
        )
    if "#" in "/".join(levels[:-1]) or any(len(level) > 1 and set(level) & {"#", "+"} for level in levels):
        raise ValueError("# stands for all further levels, at the end alone; + for one whole level")
    return text


#: Which topics are a source's: + is any one level, # all that follow.
Topics = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_topic_filter)], ...],
    Field(min_length=1, max_length=100),
]


class MqttMapping(ItemMapping):
    """How messages of MQTT become reports; ``topics``: which of them are."""

    topics: Topics

    @model_validator(mode="after")
    def _of_devices(self) -> Self:
        if self.contact:
            raise ValueError(
                "contact is of nobody here: what cannot be read is laid aside as it came; use HTTP for people"
            )
        return self


def carried(topic: str, payload: bytes) -> bytes:
    """A message as :func:`parse` reads it: what was sent, and where.

    Raises:
        Fault: 400, the payload is no JSON.
    """
    digest = sha256(topic.encode() + b"\0" + payload).hexdigest()[:32]
    try:
        return orjson.dumps({"topic": topic.split("/"), "id": digest, "payload": document(payload)})
    except orjson.JSONEncodeError:
        raise Fault(400, "not_json", "the payload nests deeper than is read; send it flatter") from None


def items_of(body: bytes, path: str | None) -> list[dict[str, Any]]:
    """The items of a message that was :func:`carried`, each with its topic and id beside it.

    A payload that is no object is one with a ``value``.

    Raises:
        Fault: 400, no list stands at ``path``.
    """
    message = document(body)
    items = listed(message["payload"], path)
    ids = [message["id"]] if len(items) == 1 else [f"{message['id']}/{number}" for number in range(1, len(items) + 1)]
    return [
        {**(item if isinstance(item, dict) else {"value": item}), BESIDE: {"topic": message["topic"], "id": id_}}
        for item, id_ in zip(items, ids, strict=True)
    ]


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The reports in a message that was :func:`carried`."""
    return read_items(items_of(body, mapping.items), mapping, at)


MQTT: Final = Dialect(parse, MAPPING, carrier="mqtt", model=MqttMapping)
