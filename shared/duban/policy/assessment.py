"""What a pack says of assessment (考核) and bulletins (通报): indicators with weights, and reports with columns. Pure.

What each indicator and each column measures is written beside its name here; :mod:`duban_console.assessing` counts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from string import Formatter
from typing import Final

from pydantic import Field, model_validator

from duban.calendar import Within
from duban.moves import Stage
from duban.policy.entry import Founded, Id, Name, Part, Text


class IndicatorKind(StrEnum):
    """What can be measured of a unit over a period. Times are medians in hours, rates are percentages."""

    TIME_TO_FIND = "time_to_find"  #: observed → reported, hours by the clock, in the unit's territory
    TIME_TO_RESPOND = "time_to_respond"  #: given to the unit → acknowledged by it, working hours
    TIME_TO_RESOLVE = "time_to_resolve"  #: working hours in the unit's own hands until completed
    ON_TIME_RATE = "on_time_rate"  #: obligations met within the limit as first set
    KEPT_RATE = "kept_rate"  #: obligations met within the limit as extended or paused
    SATISFACTION = "satisfaction"  #: ratings of reporters, over all that were given
    FEEDBACK_RATE = "feedback_rate"  #: closed problems whose reporter was answered
    FOUND_BY_OTHERS_FIRST = "found_by_others_first"  #: problems of the territory that came by others' channels
    COVERAGE = "coverage"  #: areas of the territory from which an own channel reported anything
    REBOUND_RATE = "rebound_rate"  #: problems struck off that were taken up again
    SENT_BACK_RATE = "sent_back_rate"  #: completions that a reviewer did not pass
    HAND_BACK_RATE = "hand_back_rate"  #: problems given to the unit that it handed back
    LAST_MOMENT_RATE = "last_moment_rate"  #: obligations met in the last tenth of their limit
    COPIED_NOTE_RATE = "copied_note_rate"  #: notes that stand word for word at another problem of the unit too


TIMES: Final = frozenset({IndicatorKind.TIME_TO_FIND, IndicatorKind.TIME_TO_RESPOND, IndicatorKind.TIME_TO_RESOLVE})
#: The more, the better; of all others the less.
MORE_IS_BETTER: Final = frozenset(
    {
        IndicatorKind.ON_TIME_RATE,
        IndicatorKind.KEPT_RATE,
        IndicatorKind.SATISFACTION,
        IndicatorKind.FEEDBACK_RATE,
        IndicatorKind.COVERAGE,
    }
)


class Indicator(Founded):
    """One thing that is assessed: full marks at ``full_at`` and beyond, none at ``zero_at``, in proportion between."""

    id: Id
    kind: IndicatorKind
    title: Text
    weight: int = Field(gt=0, le=100)
    full_at: float = Field(ge=0, allow_inf_nan=False)
    zero_at: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _points_the_right_way(self) -> Indicator:
        if self.kind not in TIMES and max(self.full_at, self.zero_at) > 100:
            raise ValueError(f"{self.kind} is a percentage: full_at and zero_at lie from 0 to 100")
        more = self.kind in MORE_IS_BETTER
        if (self.full_at > self.zero_at) != more or self.full_at == self.zero_at:
            raise ValueError(f"of {self.kind}, {'more' if more else 'less'} is better: full_at must be on that side")
        return self


class Assessment(Founded):
    """How units are scored: indicators whose weights sum to 100.

    ``own_channels`` are those by which an area finds its own problems; what comes by any other was found by others
    first. ``units`` are the assessed, in the order of the document; without it, whoever had something to do. A unit of
    whom less weight than ``least_measured`` could be measured has a score, but no rank.
    """

    indicators: tuple[Indicator, ...] = Field(min_length=1)
    own_channels: tuple[Name, ...] = ()
    units: tuple[Name, ...] = ()
    least_measured: int = Field(default=50, ge=1, le=100)

    @model_validator(mode="after")
    def _whole(self) -> Assessment:
        total = sum(one.weight for one in self.indicators)
        if total != 100:
            raise ValueError(f"the weights of the indicators sum to {total}, not to 100")
        _once("indicators", (one.id for one in self.indicators))
        for one in self.indicators:
            if one.id in {column.value for column in Column}:
                raise ValueError(f"indicators: {one.id} is the name of a column; give the indicator another id")
        kinds = {one.kind for one in self.indicators}
        if kinds & {IndicatorKind.FOUND_BY_OTHERS_FIRST, IndicatorKind.COVERAGE} and not self.own_channels:
            raise ValueError("names no own_channels, without which nobody can tell who found a problem")
        return self


class Period(StrEnum):
    """A period of the local calendar; weeks begin on Monday, and are numbered by ISO 8601."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class BulletinKind(StrEnum):
    """What a bulletin is made of, row by row."""

    BULLETIN = "bulletin"  #: 通报: how far each unit is with its rectification
    ACCOUNT = "account"  #: 月交账: what each unit owed, what is done, what is overdue, and why
    EXPOSURE = "exposure"  #: 曝光: problems that were exposed in the period, or are overdue
    LEDGER = "ledger"  #: 清单: every problem with its duty and its task, by class
    SCORES = "scores"  #: 考核: each unit's indicators, points and rank


class Column(StrEnum):
    """What can stand in a column."""

    # A unit
    UNIT = "unit"
    RECEIVED = "received"  #: problems given to the unit in the period
    OPEN = "open"  #: problems in its hands at the end of the period
    COMPLETED = "completed"
    STRUCK_OFF = "struck_off"
    DUE = "due"  #: obligations decided in the period: met, or lapsed
    DONE = "done"  #: of those, met by the end of it, however late
    ON_TIME = "on_time"  #: met within the limit as first set
    EXTENDED = "extended"  #: beyond the first limit, but within one that was extended or paused
    LATE = "late"
    OVERDUE = "overdue"  #: obligations beyond their limit and unmet at the end of the period
    NO_DEADLINE = "no_deadline"  #: problems completed without any limit; never on time, never late
    ON_TIME_RATE = "on_time_rate"
    KEPT_RATE = "kept_rate"
    HAND_BACKS = "hand_backs"
    EXTENSIONS = "extensions"
    PAUSES = "pauses"
    SENT_BACK = "sent_back"
    REBOUNDS = "rebounds"
    ESCALATIONS = "escalations"  #: measures of a ladder taken for a lapse
    EXPOSURES = "exposures"
    HELD_HOURS = "held_hours"  #: working hours for which problems lay in the unit's hands
    REASONS = "reasons"  #: for each overdue problem, the unit's latest word; that there is none is told too
    # A unit's score; every indicator has columns of its own beside these
    SCORE = "score"  #: points for every hundred of weight that could be measured
    MEASURED = "measured"  #: how much of the weight could be measured
    RANK = "rank"
    # A problem
    NUMBER = "number"
    TITLE = "title"
    CATEGORY = "category"
    AREA = "area"
    CHANNEL = "channel"
    ENTERPRISE = "enterprise"
    STAGE = "stage"
    STATUS = "status"
    CO_UNITS = "co_units"
    CLAUSE = "clause"
    REGISTERED_ON = "registered_on"
    OBLIGATION = "obligation"  #: the one that is overdue longest; else the one that falls due next
    DUE_ON = "due_on"
    DAYS_LATE = "days_late"
    TARGET = "target"  #: of the filed plan
    MEASURES = "measures"  #: of the filed plan
    PERSON = "person"  #: who answers for the filed plan
    MEASURE = "measure"  #: the highest measure that has been taken
    EXPOSED_ON = "exposed_on"  #: for the last time
    REASON = "reason"  #: the unit's latest word


_C = Column
_OF_UNITS: Final = frozenset(list(Column)[: list(Column).index(_C.SCORE)])
_OF_SCORES: Final = _OF_UNITS | {_C.SCORE, _C.MEASURED, _C.RANK}
_OF_PROBLEMS: Final = frozenset(list(Column)[list(Column).index(_C.NUMBER) :]) | {_C.UNIT}

#: Which columns a kind can have; the first of a bulletin that names none are in :data:`USUAL`.
FITTING: Final = {
    BulletinKind.BULLETIN: _OF_UNITS,
    BulletinKind.ACCOUNT: _OF_UNITS,
    BulletinKind.SCORES: _OF_SCORES,
    BulletinKind.EXPOSURE: _OF_PROBLEMS,
    BulletinKind.LEDGER: _OF_PROBLEMS,
}
USUAL: Final[dict[BulletinKind, tuple[Column, ...]]] = {
    BulletinKind.BULLETIN: (
        _C.UNIT, _C.RECEIVED, _C.COMPLETED, _C.OPEN, _C.DUE, _C.ON_TIME, _C.EXTENDED, _C.LATE, _C.ON_TIME_RATE,
        _C.OVERDUE, _C.HAND_BACKS, _C.EXTENSIONS, _C.PAUSES, _C.SENT_BACK, _C.REBOUNDS, _C.HELD_HOURS,
    ),
    BulletinKind.ACCOUNT: (
        _C.UNIT, _C.DUE, _C.DONE, _C.OVERDUE, _C.HAND_BACKS, _C.EXTENSIONS, _C.PAUSES, _C.REASONS,
    ),
    BulletinKind.EXPOSURE: (
        _C.NUMBER, _C.TITLE, _C.CATEGORY, _C.AREA, _C.UNIT, _C.OBLIGATION, _C.DUE_ON, _C.DAYS_LATE, _C.EXPOSED_ON,
    ),
    BulletinKind.LEDGER: (
        _C.CATEGORY, _C.NUMBER, _C.TITLE, _C.AREA, _C.REGISTERED_ON, _C.UNIT, _C.CO_UNITS, _C.CLAUSE, _C.PERSON,
        _C.TARGET, _C.MEASURES, _C.STATUS, _C.OBLIGATION, _C.DUE_ON, _C.DAYS_LATE,
    ),
    BulletinKind.SCORES: (_C.RANK, _C.UNIT, _C.SCORE, _C.MEASURED, _C.HAND_BACKS, _C.EXTENSIONS, _C.PAUSES),
}  # fmt: skip


class Heading(Part):
    """A column, and what stands above it where the document has a word for it."""

    column: Column
    title: Text | None = None


class Selection(Part):
    """Which problems count; what is not named does not matter. ``stages``: as they stand at the end of the period.

    ``overdue_by``: only problems with an obligation that lapsed at least so long before the end of the period.
    """

    categories: tuple[Name, ...] = ()
    stages: tuple[Stage, ...] = ()
    overdue_by: Within | None = None


#: What the title of a bulletin may mention; ``first`` and ``last`` are its days, ``part`` the quarter or ISO week.
TITLE_FIELDS: Final = ("year", "month", "day", "part", "first", "last")


class Bulletin(Founded):
    """A report that the office compiles from the ledger: over which period, in which columns, for whom.

    ``recipients`` are units, or ``@units`` for all that stand in it. What ``needs_approval`` is a draft until somebody
    approves it: it goes to nobody by itself.
    """

    id: Id
    kind: BulletinKind
    title: Text
    period: Period
    columns: tuple[Heading, ...] = ()
    only: Selection = Selection()
    recipients: tuple[str, ...] = Field(min_length=1)
    needs_approval: bool = False

    @model_validator(mode="after")
    def _columns_fit(self) -> Bulletin:
        for one in self.columns:
            if one.column not in FITTING[self.kind]:
                raise ValueError(f"a bulletin of kind {self.kind} has no column {one.column}")
        _once("columns", (one.column for one in self.columns))
        return self

    @model_validator(mode="after")
    def _title_can_be_filled(self) -> Bulletin:
        for template in filter(None, (self.title.en, self.title.zh)):
            try:
                strange = {name for _, name, _, _ in Formatter().parse(template) if name is not None} - {*TITLE_FIELDS}
            except ValueError as error:
                raise ValueError(f"the title is no template: {error}") from None
            if strange:
                raise ValueError(f"the title mentions {{{min(strange)}}}; it may mention {', '.join(TITLE_FIELDS)}")
        return self

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The columns named, else the usual ones of the kind."""
        return self.columns or tuple(Heading(column=one) for one in USUAL[self.kind])


def _once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: {name} stands twice")
        seen.add(name)


def strangers(
    assessment: Assessment | None,
    bulletins: tuple[Bulletin, ...],
    *,
    units: Iterable[str],
    categories: Iterable[str],
    channels: Iterable[str],
) -> Iterator[tuple[str, str]]:
    """Every name that the rest of the pack does not know: where it stands, and what is wrong there.

    A repeated id, and scores without an assessment, are told too.
    """
    known = {"units": {*units, "@units"}, "categories": {*categories}, "channels": {*channels}}
    named: list[tuple[str, str, Iterable[str]]] = []
    if assessment is not None:
        named += [("assessment.units", "units", assessment.units)]
        named += [("assessment.own_channels", "channels", assessment.own_channels)]
    for i, one in enumerate(bulletins):
        named += [(f"bulletins.{i}.recipients", "units", one.recipients)]
        named += [(f"bulletins.{i}.only.categories", "categories", one.only.categories)]
        if one.kind is BulletinKind.SCORES and assessment is None:
            yield f"bulletins.{i}.kind", "there are no scores without an `assessment`"
        if one.id in {other.id for other in bulletins[:i]}:
            yield f"bulletins.{i}.id", f"the id {one.id} stands twice"
    for path, section, names in named:
        for j, name in enumerate(names):
            if name not in known[section]:
                yield f"{path}.{j}", f"{name} is not among the {section}"


__all__ = [
    "FITTING", "MORE_IS_BETTER", "TIMES", "TITLE_FIELDS", "USUAL",
    "Assessment", "Bulletin", "BulletinKind", "Column", "Heading", "Indicator", "IndicatorKind", "Period", "Selection",
    "strangers",
]  # fmt: skip
