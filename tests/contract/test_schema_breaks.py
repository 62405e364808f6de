"""Contracts only grow: a change that breaks a writer or a reader of yesterday stands in the list of those intended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from duban.contracts.catalogue import schemas
from tests.tools.schema_breaks import breaks, released

INTENDED: Final = Path(__file__).with_name("intended_breaks.yaml")
OLD: Final[dict[str, Any]] = {
    "properties": {
        "unit": {"type": "string", "maxLength": 8},
        "level": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "status": {"enum": ["open", "closed"]},
        "part": {"$ref": "#/$defs/Part"},
        "days": {"type": "integer", "default": 3},
    },
    "required": ["unit"],
    "$defs": {"Part": {"properties": {"within": {"$ref": "#/$defs/Part"}, "name": {"type": "string"}}}},
}


def test_every_break_is_intended_and_every_intended_one_is_there() -> None:
    intended = yaml.safe_load(INTENDED.read_text("utf-8"))
    assert sorted(set(breaks(released(), schemas()))) == sorted(intended)


def changed(**fields: Any) -> dict[str, Any]:
    return {**OLD, "properties": {**OLD["properties"], **fields}}


def part(**fields: Any) -> dict[str, Any]:
    return {**OLD, "$defs": {"Part": {"properties": {**OLD["$defs"]["Part"]["properties"], **fields}}}}


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({**OLD, "properties": {k: v for k, v in OLD["properties"].items() if k != "status"}}, ["M.status: gone"]),
        ({**OLD, "required": ["unit", "level"]}, ["M.level: must be given"]),
        (changed(unit={"type": "string", "maxLength": 7}), ["M.unit: maxLength is 7, was 8"]),
        (changed(unit={"type": "integer"}), ["M.unit: type is 'integer', was 'string'"]),
        (changed(level={"anyOf": [{"type": "integer"}]}), ['M.level: may be no {"type": "null"} any more']),
        (changed(status={"enum": ["open"]}), ["M.status: 'closed' is no value any more"]),
        (changed(days={"type": "integer", "default": 5}), ["M.days: left out it is 5, was 3"]),
        (part(name={"type": "integer"}), ["M.part.name: type is 'integer', was 'string'"]),
    ],
)
def test_what_breaks_is_told_with_its_place(new: dict[str, Any], told: list[str]) -> None:
    assert list(breaks({"M": OLD}, {"M": new})) == told


def test_a_message_that_is_gone_is_a_break() -> None:
    assert list(breaks({"M": OLD}, {})) == ["M: gone"]


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(more={"type": "string"}),
        changed(unit={"type": "string"}),
        changed(status={"enum": ["open", "closed", "paused"]}),
        changed(level={"anyOf": [{"type": "integer"}, {"type": "null"}, {"type": "string"}]}),
        {**OLD, "required": []},
    ],
)
def test_what_only_grows_breaks_nobody(new: dict[str, Any]) -> None:
    assert list(breaks({"M": OLD}, {"M": new})) == []
