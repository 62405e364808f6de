"""Which fault strikes when: drawn from a seed, so that the same seed gives the same plan."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from duban.errors import DubanError
from duban_cli.chaos.faults import FAULTS
from duban_cli.chaos.faults.fault import ChaosFault

#: Seconds before the first fault, between two, and after the last.
WARM_UP, LEAST_GAP, MOST_GAP, COOL_DOWN = 4.0, 5.0, 11.0, 4.0
#: The share of the faults that strike together with another one.
PAIRS = 0.2


class UnknownFault(DubanError):
    """There is no fault of this name."""


@dataclass(frozen=True, slots=True)
class Strike:
    """Faults that strike ``at_s`` seconds after the load began: one, or two together."""

    at_s: float
    faults: tuple[ChaosFault, ...]

    @property
    def lasts_s(self) -> float:
        """When the last of them is healed."""
        return max(fault.lasts_s for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        """The strike as plain data."""
        return {"at_s": round(self.at_s, 3), "faults": [described(fault) for fault in self.faults]}


def described(fault: ChaosFault) -> dict[str, Any]:
    """A fault as plain data."""
    return {"name": fault.NAME, **{name: value for name, value in asdict(fault).items() if value is not None}}


def plan(seed: int, seconds: float, names: Sequence[str]) -> list[Strike]:
    """The strikes of a run of so many seconds, in order; each of ``names`` comes once before any comes again.

    Raises:
        UnknownFault: naming those there are.
    """
    chosen = _chosen(names, FAULTS)
    draw = random.Random(seed)  # noqa: S311 no secret
    strikes: list[Strike] = []
    deck: list[type[ChaosFault]] = []
    at = WARM_UP

    def dealt() -> ChaosFault:
        if not deck:
            deck.extend(draw.sample(chosen, len(chosen)))
        return deck.pop().drawn(draw, seconds)

    while at < seconds - COOL_DOWN:
        faults = [dealt()]
        if draw.random() < PAIRS and not faults[0].ALONE:
            other = dealt()
            if not other.ALONE and other.PART.isdisjoint(faults[0].PART):
                faults.append(other)
        strike = Strike(at, tuple(faults))
        if at + strike.lasts_s <= seconds:
            strikes.append(strike)
        at += strike.lasts_s + draw.uniform(LEAST_GAP, MOST_GAP)
    return strikes


def _chosen(names: Sequence[str], faults: Mapping[str, type[ChaosFault]]) -> list[type[ChaosFault]]:
    """The faults that ``names`` name: by their own name, or by their number, as in F1."""
    chosen: dict[str, type[ChaosFault]] = {}
    for name in names:
        matching = {key: fault for key, fault in faults.items() if name in (key, fault.NUMBER, "all")}
        if not matching:
            numbers = sorted({fault.NUMBER for fault in faults.values()}, key=lambda number: int(number[1:]))
            raise UnknownFault(f"there is no fault {name}; there are all, {', '.join(numbers)}, {', '.join(faults)}")
        chosen |= matching
    return list(chosen.values())
