"""What the rules and the dashboards in deploy/monitoring ask of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml

from duban_local import ROOT

FOLDER: Final = ROOT / "deploy/monitoring"
RULES: Final = FOLDER / "rules.yaml"


def rules() -> list[dict[str, Any]]:
    """Every rule, records and alerts."""
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """The alerts alone."""
    return [rule for rule in rules() if "alert" in rule]


def rule_tests() -> list[Path]:
    """The files with tests for promtool."""
    return sorted(FOLDER.glob("*.test.yaml"))


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """Each selector of series in an expression of PromQL."""
    yield from _selectors(promql_parser.parse(expression))


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    for part in (*parts, *getattr(node, "args", ())):
        if part is not None:
            yield from _selectors(part)
