"""An experiment as its page shows it: what would have lapsed and did not, what would not have, and each unit's load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from duban.pages.words import msgid
from duban_console.pages.record_words import RecordWords

#: What is said of the problems that lapse otherwise, by the word of the process for them.
HEADINGS: Final[Mapping[str, str]] = {
    "lapses": msgid("Would have lapsed, and did not"),
    "no_longer": msgid("Would not have lapsed, and did"),
    "otherwise": msgid("Lapsed, and would have lapsed otherwise"),
}
#: What is said where it came to no end.
FAULTS: Final[Mapping[str, str]] = {
    "left": msgid("It was ended, because nobody looked at this page any more."),
    "stopped": msgid("It was stopped."),
    "too_much": msgid("The period holds more than can be played at once: choose a shorter one."),
    "unplayable": msgid("The history cannot be played:"),
    "broken": msgid("It broke off. The server's log may say why; try again."),
}


@dataclass(frozen=True, slots=True)
class OtherLapses:
    """Problems that lapse otherwise: how many, and those that are named, each with its lapses then and now."""

    heading: str
    total: int
    named: tuple[OtherLapse, ...]


@dataclass(frozen=True, slots=True)
class OtherLapse:
    """One problem."""

    id: UUID
    number: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class UnitLoad:
    """What a unit had in hand, and what it met and missed, then and under the draft; a rate is in words."""

    name: str
    problems: tuple[int, int]
    lapsed: tuple[int, int]
    on_time: tuple[str, str]
    handed_back: tuple[int, int]


def other_lapses(differences: Mapping[str, Any], words: RecordWords) -> list[OtherLapses]:
    """The problems that lapse otherwise, kind by kind."""
    return [
        OtherLapses(
            words.say(heading),
            differences[kind]["total"],
            tuple(
                OtherLapse(
                    UUID(named["problem"]), named["number"], _lapses(named["then"], words), _lapses(named["now"], words)
                )
                for named in differences[kind]["named"]
            ),
        )
        for kind, heading in HEADINGS.items()
    ]


def loads(differences: Mapping[str, Any], words: RecordWords) -> list[UnitLoad]:
    """Each unit's load, by its name."""
    rows = [
        UnitLoad(
            words.unit(row["unit"]),
            (row["then"]["problems"], row["now"]["problems"]),
            (row["then"]["lapsed"], row["now"]["lapsed"]),
            (_rate(row["then"]), _rate(row["now"])),
            (row["then"]["handed_back"], row["now"]["handed_back"]),
        )
        for row in differences["units"]
    ]
    return sorted(rows, key=lambda row: row.name)


def _lapses(lapses: list[dict[str, Any]], words: RecordWords) -> str:
    return "; ".join(_lapse(lapse, words) for lapse in lapses) or "–"


def _lapse(lapse: Mapping[str, Any], words: RecordWords) -> str:
    obligation, at = words.owed("problem", "", lapse["obligation"]), datetime.fromisoformat(lapse["at"])
    return f"{obligation}, {words.unit(lapse['owner'])}, {words.instant(at)}"


def _rate(side: Mapping[str, Any]) -> str:
    rate = side["on_time_rate"]
    return "–" if rate is None else f"{rate:.1%}"
