"""Every message there is: the one source of the JSON Schemas, the AsyncAPI document and docs/messages.md. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from duban.messages import struct
from duban.messages.anchors import ANCHORS
from duban.messages.audit import AUDIT
from duban.messages.commands import COMMANDS
from duban.messages.contacts import CONTACTS
from duban.messages.envelope import AnyPayload, Document
from duban.messages.events import PROBLEMS, LedgerEvent
from duban.messages.notices import NOTICES, TICKS
from duban.messages.ratings import RATINGS
from duban.messages.readings import READINGS
from duban.messages.report import Report
from duban.messages.sources import SOURCES
from duban.moves import Kind
from duban.policy.model.pack import PACKS

REPORTS: dict[str, type[Report]] = {Report.TYPE: Report}

#: Every CloudEvents type and its model.
TYPES: dict[str, type[AnyPayload]] = {
    **REPORTS, **READINGS, **COMMANDS, **PROBLEMS, **NOTICES, **PACKS, **ANCHORS, **TICKS, **AUDIT, **SOURCES,
    **CONTACTS, **RATINGS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as readers see it: what its key is, who writes it and who reads it."""

    name: str
    key: str
    carries: str
    written_by: str
    read_by: str


TOPICS = (
    Topic("duban.reports.v1", "source and id", "a report from any channel", "producers, the gateway", "intake"),
    Topic("duban.ratings.v1", "source and id", "a reporter's satisfaction", "the gateway", "intake"),
    Topic("duban.readings.v1", "station", "what a station measured", "the gateway of HJ 212", "anyone"),
    Topic("duban.commands.v1", "problem id", "what somebody wants done", "intake, people, escalation", "router"),
    Topic(
        "duban.problems.v1",
        "problem id",
        "what happened, with the state after it; or a refusal",
        "router",
        "escalation, intake, anyone",
    ),
    Topic("duban.notices.v1", "recipient", "what must be told to whom", "escalation", "the deliverer"),
    Topic(
        "duban.packs.v1", "pack and version", "packs and calendars, checked", "`duban pack publish`", "every service"
    ),
    Topic("duban.sources.v1", "source", "who may hand in reports, with which keys", "`duban source`", "the gateway"),
    Topic(
        "duban.contacts.v1",
        "city, unit and person",
        "by which ways units and persons are told",
        "`duban contact`",
        "the deliverer",
    ),
    Topic(
        "duban.anchors.v1",
        "chain, number and hash",
        "heads of the chains, signed",
        "router, intake, the API",
        "`duban ledger verify`, auditors",
    ),
    Topic(
        "duban.clock.v1",
        "clock",
        "ticks of the driven clock; unused in production",
        "the player",
        "escalation, the API",
    ),
    Topic("duban.audit.v1", "the letter's place", "who sent which dead letter back, and why", "operators", "operators"),
)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each model's data, by file name without its ending."""
    return {model.__name__: _schema(model) for model in dict.fromkeys(TYPES.values())}


def _schema(model: type[AnyPayload]) -> dict[str, Any]:
    if issubclass(model, Document):
        schema = model.model_json_schema(mode="validation")
    else:
        _, parts = struct.schemas((model,), "#/$defs/{name}")
        schema = parts.pop(model.__name__)
        schema |= {"$defs": parts} if parts else {}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"duban:{model.__name__}", **schema}


def asyncapi(version: str) -> dict[str, Any]:
    """The AsyncAPI 3 document of all topics; message payloads point at the schema files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Duban",
            "version": version,
            "license": {"name": "Apache-2.0"},
            "description": "CloudEvents 1.0 on Kafka: binary mode is written, binary and structured mode are read.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"receive {topic.name}": _operation(topic) for topic in TOPICS},
        "components": {"messages": {name: _message(name, model) for name, model in TYPES.items()}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    names = [name for name, model in TYPES.items() if topic.name == model.TOPIC]
    return {
        "address": topic.name,
        "description": f"Carries {topic.carries}. Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Written by {topic.written_by}; read by {topic.read_by}.",
    }


def _message(name: str, model: type[AnyPayload]) -> dict[str, Any]:
    attributes = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_jurisdiction")
    return {
        "name": name,
        "summary": summary(model),
        "headers": {
            "type": "object",
            "properties": {attribute: {"type": "string"} for attribute in attributes} | {"ce_type": {"const": name}},
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"{model.__name__}.json"},
        },
    }


def summary(model: type[AnyPayload]) -> str:
    """The first sentence of the model's docstring."""
    return inspect.getdoc(model).split("\n")[0]  # type: ignore[union-attr]


def message_table() -> str:
    """Every message as a Markdown table: topic, type, what it says."""
    return "\n".join(["| Topic | CloudEvents type | What it says |", "| --- | --- | --- |", *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for topic in TOPICS:
        for name, model in TYPES.items():
            if topic.name == model.TOPIC and model is not LedgerEvent:
                yield f"| `{topic.name}` | `{name}` | {summary(model)} |"
        if topic.name == LedgerEvent.TOPIC:
            kinds = ", ".join(f"`duban.{kind}.*`" for kind in Kind)
            yield f"| `{topic.name}` | {kinds} | {summary(LedgerEvent)} |"
