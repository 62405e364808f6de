"""I13 and I14: how fast it came back, and that nobody's identity got out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from duban_checker.traces import Row, Traces, Violation

#: Seconds in which it must work again, at the 95th percentile, by what was broken.
BARS = {"service": 10.0, "broker": 30.0, "database": 30.0}
#: What the client itself keeps of what may not leak.
_OWN = frozenset({"calls.jsonl", "run.json", "leaks.jsonl"})
_BLOCK = 1 << 20


def recovered(traces: Traces) -> Iterator[Violation]:
    """I13: the first good operation after a fault comes within the bar, at the 95th percentile; all of them come."""
    spent: dict[str, list[float]] = defaultdict(list)
    for fault in traces.rows("faults"):
        if fault.get("of") not in BARS:
            continue
        for what in ("first_good_s", "caught_up_s"):
            if fault.get(what) is None:
                yield Violation("I13", f"no {what} after a fault", "", f"{fault['name']} at {fault['struck_at']}")
        if fault.get("first_good_s") is not None:
            spent[fault["of"]].append(fault["first_good_s"])
    for of, seconds in spent.items():
        p95 = percentile(seconds, 95)
        if p95 > BARS[of]:
            what = f"{p95:.1f} s to the first good operation at p95, {BARS[of]:g} s are allowed"
            yield Violation("I13", f"a {of} that was broken came back late", "", what)


def leaked(traces: Traces) -> Iterator[Violation]:
    """I14: no plain identity of a reporter in topics, logs or tables."""
    for row in traces.rows("leaks"):
        yield Violation("I14", "a plain identity stands in a topic", "", str(row["where"]))
    needles = [needle.encode() for needle in traces.run.get("identities", ())]
    for place in sorted(path for path in traces.folder.rglob("*") if path.is_file() and path.name not in _OWN):
        if any(_holds(place, needle) for needle in needles):
            yield Violation("I14", "a plain identity stands in a file", "", str(place.relative_to(traces.folder)))


def _holds(place: Path, needle: bytes) -> bool:
    """Whether ``needle`` is in the file, which may be long."""
    with place.open("rb") as file:
        tail = b""
        while block := file.read(_BLOCK):
            if needle in tail + block:
                return True
            tail = block[-len(needle) :]
    return False


def percentile(values: Iterable[float], share: float) -> float:
    """The value below or at which ``share`` per cent of ``values`` lie; 0 without any."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] if ordered else 0.0


def recoveries(faults: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Seconds to the first good operation and to having caught up, by what was broken: p50, p95 and the most."""
    spent: dict[str, list[float]] = defaultdict(list)
    for fault in faults:
        for what in ("first_good_s", "caught_up_s"):
            if fault.get(what) is not None:
                spent[f"{fault['of']} {what}"].append(fault[what])
    return {
        name: {"n": len(seconds), "p50": percentile(seconds, 50), "p95": percentile(seconds, 95), "max": max(seconds)}
        for name, seconds in sorted(spent.items())
    }
