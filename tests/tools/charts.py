"""The charts of the services, from what the code says of each: ``python -m tests.tools.charts`` writes them anew.

By hand are written the library chart, which makes the objects, and the umbrella's templates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter

from duban.io.settings import Settings
from duban_cli.system import SERVICES
from duban_local import ROOT, topics
from duban_local.rights import rights
from duban_local.roles import NAMES, OWNER, role_of
from tests.deployed import SETTINGS

HELM: Final = ROOT / "deploy/helm"
VERSION: Final = "0.1.0"
HEAD: Final = "# Written by python -m tests.tools.charts.\n"

#: What the chart says itself.
_OWN: Final = ("bind", "health_host", "health_port", "maps")
#: Folders that no Secret and no ConfigMap has room for: an image brings them.
_FOLDERS: Final = ("fonts",)
#: What is reached over the network, at which ports unless somebody says otherwise.
_PORTS: Final = {
    "kafka": [9092, 9093], "database": [5432], "receivers": [443, 465, 587], "store": [443], "broker": [1883, 8883],
    "mailbox": [143, 993], "api": [443, 8320], "vault": [443, 8330],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scaling:
    """By which lag KEDA scales: ``lag`` is 30 seconds of work at a fifth of the rate measured, rounded down."""

    group: str
    topic: str
    lag: int
    partitions: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What the code does not say of a service."""

    says: str
    reaches: tuple[str, ...] = ("kafka", "database")
    port_name: str | None = None
    workload: str = "Deployment"
    memory: int = 512
    evidence: bool = False
    maps: bool = False
    scaling: Scaling | None = None


def _scaling(group: str, topic: str, lag: int) -> Scaling:
    partitions = {declared.name: declared.partitions for declared in topics.declared()}
    return Scaling(group, topic, lag, partitions[topic])


#: Rates of docs/benchmarks.md: the router alone 11,781 commands/s, intake alone 19,404 reports/s.
CHARTS: Final[dict[str, Chart]] = {
    "escalation": Chart(
        "keeps the deadlines, fires what lapses, tells who must be told", ("kafka", "database", "receivers")
    ),
    "router": Chart(
        "decides every command, and alone writes the ledger", memory=768,
        scaling=_scaling("duban-router", "duban.commands.v1", 70_000),
    ),
    "intake": Chart("registers reports as problems", scaling=_scaling("duban-intake", "duban.reports.v1", 110_000)),
    "detector": Chart("reports what the readings of stations show", ("kafka",)),
    "gateway": Chart("takes reports over HTTP", ("kafka", "database", "store"), "http", evidence=True, maps=True),
    "vault": Chart("opens to custodians who reported", ("kafka", "database", "api"), "http"),
    # Of the memory a draft that is played over the past takes up to 700 MiB.
    "api": Chart(
        "takes actions, shows the ledger", ("kafka", "database", "store", "vault"), "http", evidence=True, maps=True,
        memory=1024,
    ),
    "hj212": Chart("takes readings of monitors", ("kafka",), "hj212"),
    # By the name of its pod the broker of MQTT keeps what is not acknowledged, so that name stays.
    "mqtt": Chart(
        "takes reports and readings from a broker of MQTT", ("kafka", "database", "broker"), workload="StatefulSet"
    ),
    "mail": Chart("takes reports by mail", ("kafka", "database", "store", "mailbox"), "lmtp", evidence=True),
}  # fmt: skip
assert CHARTS.keys() == SERVICES.keys()


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file with its text."""
    for name, chart in CHARTS.items():
        folder = HELM / name
        yield folder / "Chart.yaml", HEAD + _yaml(_about(f"duban-{name}", f"Duban {name}: {chart.says}", ["library"]))
        yield folder / "facts.yaml", HEAD + _yaml(_facts(name, chart))
        yield folder / "values.yaml", HEAD + _values(name, chart)
        yield folder / "values.schema.json", json.dumps(_schema(name, chart), indent=1, ensure_ascii=False) + "\n"
        yield folder / "templates/service.yaml", '{{- include "duban.service" . }}\n'
    about = _about(
        "duban", "Duban: every service that is enabled, and what they need of Kafka and PostgreSQL", list(CHARTS)
    )
    for dependency in about["dependencies"]:
        dependency["condition"] = f"{dependency['name']}.enabled"
    yield HELM / "duban/Chart.yaml", HEAD + _yaml(about)
    yield HELM / "duban/files/kafka.yaml", HEAD + _yaml(_kafka())
    yield HELM / "duban/files/roles.yaml", HEAD + _yaml({"owner": OWNER, "roles": [role_of(name) for name in NAMES]})
    yield HELM / "duban/files/rules.yaml", (ROOT / "deploy/monitoring/rules.yaml").read_text("utf-8")


def _about(name: str, says: str, needs: list[str]) -> dict[str, Any]:
    dependencies = [{"name": f"duban-{need}", "version": VERSION, "repository": f"file://../{need}"} for need in needs]
    return {
        "apiVersion": "v2", "name": name, "description": says, "type": "application", "version": VERSION,
        "appVersion": VERSION, "kubeVersion": ">=1.25.0-0", "dependencies": dependencies,
    }  # fmt: skip


def _facts(name: str, chart: Chart) -> dict[str, Any]:
    process = SERVICES[name]
    facts: dict[str, Any] = {
        "name": name, "health": process.health_port, "database": process.role is not None, "workload": chart.workload,
        "reaches": list(chart.reaches), "evidence": chart.evidence,
    }  # fmt: skip
    if process.port is not None:
        facts |= {"port": process.port, "portName": chart.port_name}
    if chart.scaling is not None:
        facts["scaling"] = {key: value for key, value in asdict(chart.scaling).items() if key != "lag"}
    return facts


def _values(name: str, chart: Chart) -> str:
    """The defaults: what every chart has, as it stands in values.all.yaml, with what is this one's own."""
    text = (HELM / "values.all.yaml").read_text("utf-8").replace("NAME", name).replace("MEMORY", f"{chart.memory}Mi")
    reached = "".join(f"  {to}: {{to: [], ports: {_PORTS[to]}}}\n" for to in chart.reaches)
    text = text.replace("  # REACHED\n", reached)
    if chart.evidence:
        text += _EVIDENCE
    if chart.maps:
        text += _MAPS
    if chart.scaling is not None:
        text += _KEDA.format(max=chart.scaling.partitions, lag=chart.scaling.lag)
    return text


_EVIDENCE: Final = """
# The folder of the evidence store: a claim that gateway, api and mail share (ReadWriteMany).
evidence:
  claim: ""
"""
_MAPS: Final = """
# The maps of cities: a ConfigMap with a key `JURISDICTION.geojson` for each, which gateway and api are given alike.
maps:
  configMap: ""
"""
_KEDA: Final = """
# KEDA, by how far the group is behind: 30 seconds of work a member, at a fifth of the rate in docs/benchmarks.md.
keda:
  enabled: false
  min: 1
  max: {max}
  lagThreshold: {lag}
  # The TriggerAuthentication by which KEDA comes to the brokers.
  authentication: ""
"""


def _schema(name: str, chart: Chart) -> dict[str, Any]:
    """What values may be: the settings are those that the service knows, of their types."""
    values = yaml.safe_load(_values(name, chart))
    schema: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _shape(value) for key, value in values.items()},
    }
    told = schema["properties"]
    told |= {"global": {"type": "object"}, "enabled": {"type": "boolean"}}
    told["duban-library"] = {"type": "object"}
    fields = {key: about for key, about in SETTINGS[name].model_fields.items() if key not in _OWN}
    secrets = {key for key, about in fields.items() if "Secret" in str(about.annotation)}
    paths = {key for key, about in fields.items() if "Path" in str(about.annotation) and key not in _FOLDERS}
    told["settings"] = _closed({key: _type(SETTINGS[name], key) for key in fields if key not in secrets})
    told["secrets"] = _closed(dict.fromkeys(sorted(secrets), _SECRET))
    told["files"] = _closed(dict.fromkeys(sorted(paths), _FILE))
    told["trust"] = {"anyOf": [{"type": "object", "maxProperties": 0}, _FILE]}
    told["replicas"] = {"type": "integer", "minimum": 0}
    told["image"]["properties"]["pullPolicy"] = {"enum": ["Always", "IfNotPresent", "Never"]}
    told["image"]["properties"]["digest"] = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
    return schema


_SECRET: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["existingSecret", "key"],
    "properties": {"existingSecret": {"type": "string", "minLength": 1}, "key": {"type": "string", "minLength": 1}},
}
_FILE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["key"],
    "oneOf": [{"required": ["existingSecret"]}, {"required": ["configMap"]}],
    "properties": {key: {"type": "string", "minLength": 1} for key in ("existingSecret", "configMap", "key")},
}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    named = {key.upper(): value for key, value in properties.items()}
    return {"type": "object", "additionalProperties": False, "properties": named}


def _type(settings: type[Settings], key: str) -> dict[str, Any]:
    """A setting in JSON Schema, as it may stand in the values: a number, a word of some, or text."""
    annotation: Any = settings.model_fields[key].annotation
    schema = TypeAdapter(annotation).json_schema()
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    if len(options) == 1 and "enum" in options[0]:
        return {"enum": options[0]["enum"]}
    kind = options[0].get("type") if len(options) == 1 else "string"
    return {"type": kind if kind in ("integer", "number", "boolean") else "string"}


def _shape(value: Any) -> dict[str, Any]:
    """The shape of a default: an object whose keys are known, unless it is empty and anything may stand in it."""
    if isinstance(value, dict):
        if not value:
            return {"type": "object"}
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: _shape(one) for key, one in value.items()},
        }
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, list):
        return {"type": "array"}
    return {"type": "integer"} if isinstance(value, int) else {"type": "string"}


def _kafka() -> dict[str, Any]:
    """Topics, and who may touch which, in the words of Strimzi."""
    allowed: dict[str, list[dict[str, Any]]] = {}
    for right in sorted(rights(topics.declaration())):
        resource = {"type": "cluster"} if right.resource == "cluster" else {
            "type": right.resource, "name": right.name, "patternType": right.pattern,
        }  # fmt: skip
        allowed.setdefault(right.principal.removeprefix("User:"), []).append(
            {"resource": resource, "operations": [right.operation]}
        )
    return {
        "topics": [
            {"name": one.name, "partitions": one.partitions, "config": dict(one.config)} for one in topics.declared()
        ],
        "users": [{"name": name, "acls": acls} for name, acls in allowed.items()],
    }


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def main() -> None:
    """Write every file anew."""
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
