"""Every metric of every service, as docs/metrics.md and the tests of rules and dashboards need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

#: Who exports metrics, and from which module; what stands first is exported by all.
EXPORTERS: Final = {
    "every service": "duban.io.metrics",
    "intake": "duban_intake.metrics",
    "gateway, gateway of mail": "duban_intake.gateway.metrics",
    "gateway of HJ 212": "duban_intake.hj212.door",
    "gateway of MQTT": "duban_intake.mqtt.door",
    "gateway of mail": "duban_intake.mail.door",
    "detector": "duban_detector.metrics",
    "router": "duban_router.metrics",
    "escalation": "duban_escalation.metrics",
    "API": "duban_console.desk.metrics",
    "API, where operators have pages": "duban_console.operation.metrics",
}
#: How the samples of each type are called, beside the name itself.
_SAMPLES: Final = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}


@dataclass(frozen=True, slots=True)
class ExportedMetric:
    """A metric as it is declared; ``name`` is that of Prometheus, with the ``_total`` of a counter."""

    exporter: str
    name: str
    type: str
    unit: str
    labels: tuple[str, ...]
    help: str
    samples: tuple[str, ...]
    buckets: frozenset[str] = frozenset()


def exported() -> list[ExportedMetric]:
    """Every metric, in the order in which it is declared."""
    return [metric for exporter, module in EXPORTERS.items() for metric in _of(exporter, module)]


def _of(exporter: str, module: str) -> Iterator[ExportedMetric]:
    for declared in vars(import_module(module)).values():
        if isinstance(declared, MetricWrapperBase):
            [family] = declared.describe()
            samples = tuple(family.name + suffix for suffix in _SAMPLES[family.type])
            name = samples[0] if family.type == "counter" else family.name
            labels = tuple(declared._labelnames)
            bounds = frozenset(str(float(bound)) for bound in getattr(declared, "_kwargs", {}).get("buckets", ()))
            yield ExportedMetric(
                exporter, name, family.type, family.unit, labels, family.documentation, samples, bounds
            )


def metrics_table() -> str:
    """Every metric with its type, unit, labels and help, by who exports it."""
    parts: list[str] = []
    for exporter in EXPORTERS:
        parts += [
            f"### {exporter[0].upper()}{exporter[1:]}",
            "",
            "| metric | type | unit | labels | what it says |",
            "| --- | --- | --- | --- | --- |",
        ]
        parts += [_row(metric) for metric in exported() if metric.exporter == exporter]
        parts.append("")
    return "\n".join(parts)


def _row(metric: ExportedMetric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return f"| `{metric.name}` | {metric.type} | {metric.unit or '–'} | {labels} | {metric.help} |"
