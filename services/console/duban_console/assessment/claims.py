"""Who met what in time, as assessment judges the turns that :mod:`duban.turns` follows. Pure.

The laws of the verdicts, beside those of the turns:

- Who hands a problem back in time is neither on time nor late; who hands it back too late was late.
- Met only within an extended limit, or thanks to a pause, is a verdict of its own.
- What was owed by a step that is waived is neither on time nor late, unless it was late already.
- What has no limit gets no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from duban.messages.records import AnyRecord, Event, Turn
from duban.policy import Rules
from duban.turns import Turns, follow, is_last_moment, overrun


class Timeliness(StrEnum):
    """How an obligation ended for its holder."""

    ON_TIME = "on_time"
    EXTENDED = "extended"  #: beyond the limit first set; the ledger granted more and recorded no lapse
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How ``obligation`` ended for ``unit``, certain since ``judged_at``; ``owing``: it is still unmet in its hands."""

    obligation: str
    unit: str
    timeliness: Timeliness
    began_at: datetime
    limit_at: datetime
    judged_at: datetime
    met_at: datetime | None
    owing: bool

    @property
    def at_the_last_moment(self) -> bool:
        """Whether it was met in the last tenth of its time."""
        if self.timeliness is not Timeliness.ON_TIME or self.met_at is None:
            return False
        return is_last_moment(self.began_at, self.limit_at, self.met_at)


def verdict(turn: Turn, as_of: datetime) -> Verdict | None:
    """What is certain of ``turn`` by ``as_of``; None while the limit runs, and for what was withdrawn in time."""
    if turn.limit_at is None:
        return None
    overrun_at = overrun(turn, turn.left_at or as_of)
    if overrun_at is not None:
        if turn.granted and turn.lapsed_at is None:
            timeliness, judged_at = Timeliness.EXTENDED, overrun_at
        else:
            # Extended and then lapsed: late since the day when what was granted ended, not before.
            granted_until = turn.lapsed_at if turn.granted else None
            timeliness, judged_at = Timeliness.LATE, max(overrun_at, granted_until or overrun_at)
    elif turn.met and turn.left_at is not None:
        timeliness, judged_at = Timeliness.ON_TIME, turn.left_at
    else:
        return None
    met_at = turn.left_at if turn.met else None
    return Verdict(
        turn.obligation, turn.unit, timeliness, turn.began_at, turn.limit_at, judged_at, met_at, not turn.ended
    )


@dataclass(slots=True)
class Claims:
    """Every obligation that ran against one record; :meth:`follow` it event by event."""

    rules: Rules
    _turns: Turns = field(default_factory=dict)
    _past: list[Turn] = field(default_factory=list)
    _before: AnyRecord | None = None

    def follow(self, event: Event, record: AnyRecord) -> None:
        """``record`` is the state after ``event``."""
        self._past += follow(self._turns, self._before, event, record, self.rules).past
        self._before = record

    def verdicts(self, as_of: datetime) -> list[Verdict]:
        """Every verdict that is certain by ``as_of``."""
        verdicts = (verdict(turn, as_of) for turn in self.turns)
        return [verdict for verdict in verdicts if verdict is not None]

    @property
    def turns(self) -> list[Turn]:
        """Every turn, those that are over first."""
        return [*self._past, *self._turns.values()]

    @property
    def limited(self) -> frozenset[str]:
        """The units that had a limit on anything."""
        return frozenset(turn.unit for turn in self.turns if turn.limit_at is not None)

    @property
    def open(self) -> list[Turn]:
        """What is owed at the end, the soonest limit first."""
        return sorted(
            (turn for turn in self._turns.values() if not turn.ended and turn.limit_at is not None),
            key=lambda turn: (turn.limit_at, turn.obligation, turn.unit),
        )
