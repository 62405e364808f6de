"""The pack of the chaos run: many units, so that as many notices are under way at once, and ladders of many levels."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

PACK: Final = Path(__file__).with_name("pack.yaml")
#: How many units there are, each with an area of its own.
UNITS: Final = 64
#: Seconds from registration to the deadlines of the pack, and from one level of a ladder to the next.
ACKNOWLEDGE_S, RESOLVE_S, STEP_S = 3.0, 6.0, 3.0


def chaos_pack(levels: int) -> dict[str, Any]:
    """The pack, with so many levels on its ladder."""
    pack: dict[str, Any] = yaml.safe_load(PACK.read_text("utf-8"))
    for number in range(1, UNITS + 1):
        unit, area = f"unit-{number}", f"area-{number}"
        pack["units"].append({"id": unit, "title": {"en": f"Unit {number}"}, "basis": "practice"})
        pack.setdefault("areas", []).append({"id": area, "title": {"en": f"Area {number}"}, "unit": unit})
        pack.setdefault("responsibility_list", []).append({"areas": [area], "lead": unit, "basis": "practice"})
    afters = [{"after": {"minutes": step * STEP_S / 60}} if step else {} for step in range(levels)]
    steps = [{"measure": "bulletin", "to": ["@owner"], **after} for after in afters]
    pack["ladders"] = [{"id": "standard", "basis": "practice", "levels": steps}]
    return pack


def ladders_end_s(levels: int) -> float:
    """Seconds from registration to the last lapse of a problem that nobody touches."""
    return RESOLVE_S + (levels - 1) * STEP_S


def limits(pack: dict[str, Any]) -> dict[str, Any]:
    """What the pack allows, for the checker: seconds of each obligation, and of its levels after them."""
    ladders = {ladder["id"]: ladder["levels"] for ladder in pack["ladders"]}
    return {
        obligation["id"]: {
            "since": obligation["since"],
            "running": obligation["running"],
            "within_s": _seconds(obligation["within"]),
            "levels_s": [_seconds(level.get("after", {})) for level in ladders[obligation["ladder"]]],
        }
        for obligation in pack["obligations"]
    }


def _seconds(duration: dict[str, float]) -> float:
    return timedelta(**duration).total_seconds()
