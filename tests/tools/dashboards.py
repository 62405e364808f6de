"""Dashboards for Grafana, from deploy/monitoring/dashboards.yaml: ``python -m tests.tools.dashboards`` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from tests.tools.monitoring import FOLDER

FILES: Final = FOLDER / "dashboards"
#: Grafana's grid.
COLUMNS: Final = 24
_HEIGHT: Final = 8
#: Of the JSON that Grafana 11 writes; a newer one reads it.
_SCHEMA: Final = 39
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_OF_SERVICE: Final = '* on (job, instance) group_left () duban_service_info{service=~"$service"}'

#: A panel, a dashboard, or a part of Grafana's JSON.
Described = Mapping[str, Any]


def described() -> dict[str, Described]:
    """Every dashboard as it is described, by its uid."""
    described: dict[str, Described] = yaml.safe_load((FOLDER / "dashboards.yaml").read_text("utf-8"))
    return described


def model(uid: str, dashboard: Described) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": uid,
        "title": dashboard["title"],
        "description": dashboard["says"],
        "tags": ["duban"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "title": "Duban", "tags": ["duban"], "asDropdown": True}],
        "templating": {"list": list(_variables(dashboard.get("choose", {})))},
        "panels": list(_rows(dashboard["rows"])),
    }


def _variables(choose: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    for name, query in choose.items():
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "current": {"text": "All", "value": "$__all"},
        }


def _rows(rows: Mapping[str, list[Described]]) -> Iterator[dict[str, Any]]:
    number = top = 0
    for title, panels in rows.items():
        number += 1
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top, left = top + 1, 0
        for panel in panels:
            width = panel.get("width", 8)
            if left + width > COLUMNS:
                top, left = top + _HEIGHT, 0
            number += 1
            yield _panel(number, panel, {"x": left, "y": top, "w": width, "h": _HEIGHT})
            left += width
        top += _HEIGHT


def _panel(number: int, panel: Described, place: Mapping[str, int]) -> dict[str, Any]:
    kind = panel.get("kind", "timeseries")
    made = {
        "id": number,
        "type": kind,
        "title": panel["title"],
        "description": panel["says"],
        "gridPos": place,
        "datasource": _SOURCE,
        "targets": [_target(place, kind, *query) for place, query in enumerate(_queries(panel))],
        "fieldConfig": {"defaults": _defaults(kind, panel), "overrides": []},
        "options": _OPTIONS[kind],
    }
    if kind == "table":  # it shows what is, and not when it was asked
        hidden = {"Time": True, "__name__": True}
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return made


def _queries(panel: Described) -> Iterator[tuple[str, str, bool]]:
    """Each query with its legend, and whether it has exemplars."""
    if (histogram := panel.get("quantiles")) is not None:
        by, where = histogram.get("by"), histogram.get("where", "")
        labels, legend = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
        for share, name in ((0.5, "half within"), (0.99, "99 % within")):
            rates = f"sum by ({labels}) (rate({histogram['metric']}_bucket{where}[$__rate_interval]))"
            yield f"histogram_quantile({share}, {rates})", legend + name, share == 0.99
    elif (counter := panel.get("rate")) is not None:
        legend = " ".join(f"{{{{{label}}}}}" for label in counter["by"])
        rates = f"rate({counter['metric']}{counter.get('where', '')}[$__rate_interval])"
        yield f"sum by ({', '.join(counter['by'])}) ({rates})", legend, False
    else:
        for legend, expression in panel["queries"].items():
            yield expression.replace("OF_SERVICE", _OF_SERVICE), legend, False


def _target(place: int, kind: str, expression: str, legend: str, exemplars: bool) -> dict[str, Any]:
    target = {"refId": chr(ord("A") + place), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
    if kind == "table":
        return {**target, "instant": True, "range": False, "format": "table"}
    return {**target, "exemplar": True} if exemplars else target


def _defaults(kind: str, panel: Described) -> dict[str, Any]:
    unit = "s" if "quantiles" in panel else "reqps" if "rate" in panel else panel.get("unit", "short")
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if "limit" in panel:
        steps.append({"color": "red", "value": panel["limit"]})
    defaults: dict[str, Any] = {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if kind == "timeseries":
        line = {"mode": "dashed" if "limit" in panel else "off"}
        custom = {"fillOpacity": 10, "showPoints": "never", "spanNulls": False, "thresholdsStyle": line}
        return {**defaults, "min": 0, "color": {"mode": "palette-classic"}, "custom": custom}
    return {**defaults, "color": {"mode": "thresholds"}}


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
    },
    "table": {"showHeader": True},
}


def written(uid: str, dashboard: Described) -> str:
    """The file of a dashboard."""
    return json.dumps(model(uid, dashboard), indent=2) + "\n"


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for name, description in described().items():
        (FILES / f"{name}.json").write_text(written(name, description), "utf-8")
