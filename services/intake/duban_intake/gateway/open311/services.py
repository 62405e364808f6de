"""What may be reported, and what is asked of it: the categories, matters and areas of a pack. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from duban.policy.model.organisation import Area, Matter
from duban.policy.rules import Rules


def services(rules: Rules) -> list[dict[str, Any]]:
    """The categories of the pack, in its order."""
    asks = bool(_attributes(rules))
    return [
        {
            "service_code": category.id,
            "service_name": category.title.native,
            "description": category.title.native,
            "metadata": asks,
            "type": "batch",
            "keywords": "",
            "group": "",
        }
        for category in rules.pack.categories
    ]


def definition(service_code: str, rules: Rules) -> dict[str, Any]:
    """What is asked of a report of the category ``service_code``."""
    return {"service_code": service_code, "attributes": _attributes(rules)}


def _attributes(rules: Rules) -> list[dict[str, Any]]:
    attributes = [
        _choice("matter", "What is wanted", "诉求类型", rules.pack.matters, rules),
        _choice("area", "Where it is", "所在区域", rules.pack.areas, rules),
    ]
    return [{**attribute, "order": number} for number, attribute in enumerate(filter(None, attributes), 1)]


def _choice(code: str, en: str, zh: str, choices: Iterable[Matter | Area], rules: Rules) -> dict[str, Any] | None:
    """An attribute that is one of ``choices``; None where there are none."""
    values = [{"key": choice.id, "name": choice.title.native} for choice in choices]
    attribute = {
        "variable": True,
        "code": code,
        "datatype": "singlevaluelist",
        "required": False,
        "datatype_description": None,
        "description": zh if rules.pack.title.zh else en,
        "values": values,
    }
    return attribute if values else None
