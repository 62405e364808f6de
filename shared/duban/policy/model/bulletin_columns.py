"""The kinds of bulletins, and which columns each can have. Pure data; :mod:`duban_console.assessment` fills them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class BulletinKind(StrEnum):
    """What a bulletin is made of, row by row."""

    BULLETIN = "bulletin"  #: 通报: how far each unit is with its rectification
    ACCOUNT = "account"  #: 月交账: what each unit owed, what is done, what is overdue, and why
    EXPOSURE = "exposure"  #: 曝光: problems that were exposed in the period, or are overdue
    LEDGER = "ledger"  #: 台账: every problem with its duty and its task, by class
    SCORES = "scores"  #: 考核: each unit's indicators, points and rank
    PROBLEMS = "problems"  #: 问题清单: what is wrong, where, since when, and how far it is
    RESPONSIBILITIES = "responsibilities"  #: 责任清单: who answers for which problems, by which clause, in person
    TASKS = "tasks"  #: 任务清单: of each open problem, what is to be reached, how, and who owes what next
    WALL_CHART = "wall-chart"  #: 挂图作战: every planned problem from its begin to its date, and where it stands
    TARGETS = "targets"  #: 目标: the values that indicators shall reach, beside the latest readings


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
    DUTIES = "duties"  #: of those due, the duties of the calendar
    DUTIES_ON_TIME = "duties_on_time"
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
    MATTER = "matter"
    AREA = "area"
    CHANNEL = "channel"
    ENTERPRISE = "enterprise"
    STAGE = "stage"
    STATUS = "status"
    CO_UNITS = "co_units"
    CLAUSE = "clause"
    REGISTERED_ON = "registered_on"
    OBLIGATION = "obligation"  #: the one that is overdue longest; else the one that falls due next
    OWNER = "owner"  #: whose that obligation is
    DUE_ON = "due_on"
    DAYS_LATE = "days_late"
    SPONSOR = "sponsor"  #: the leader who has taken it up
    TARGET = "target"  #: of the filed plan
    MEASURES = "measures"  #: of the filed plan
    PERSON = "person"  #: who answers for the filed plan
    MILESTONES = "milestones"  #: of the filed plan, each with its day, and whether it is reached
    PLANNED_FROM = "planned_from"  #: when the unit that has the problem filed its first plan
    PLANNED_TO = "planned_to"  #: the date of the plan as it stands
    STANDING = "standing"  #: done, on the way, or behind by so many days
    DAYS_BEHIND = "days_behind"  #: since the earliest date of the plan that was missed
    MEASURE = "measure"  #: the highest measure that has been taken
    EXPOSED_ON = "exposed_on"  #: for the last time
    REASON = "reason"  #: the unit's latest word
    # A unit's responsibilities, beside clause, sponsor and person
    LEADS = "leads"  #: the numbers of the problems it leads
    JOINS = "joins"  #: the numbers of the problems in which it is a co-unit
    # A target, beside its units and its clause
    INDICATOR = "indicator"
    BOUND = "bound"  #: at least or at most how much
    MEASURED_IN = "measured_in"
    READING = "reading"  #: the latest that was read by the end of the period
    READ_ON = "read_on"
    REACHED = "reached"  #: reached, missed by how much, or not read yet
    GAP = "gap"  #: by how much it is missed
    REACH_BY = "reach_by"  #: the day; empty where it is to be held all the time


_C = Column
_ALL: Final = list(Column)


def _from(first: Column, after: Column | None = None) -> frozenset[Column]:
    """The columns from ``first`` on, up to but without ``after``."""
    return frozenset(_ALL[_ALL.index(first) : _ALL.index(after) if after else None])


_OF_UNITS: Final = _from(_C.UNIT, _C.SCORE)
_OF_PROBLEMS: Final = _from(_C.NUMBER, _C.LEADS) | {_C.UNIT}

#: Which columns a kind can have.
FITTING: Final = {
    BulletinKind.BULLETIN: _OF_UNITS,
    BulletinKind.ACCOUNT: _OF_UNITS,
    BulletinKind.SCORES: _OF_UNITS | _from(_C.SCORE, _C.NUMBER),
    BulletinKind.EXPOSURE: _OF_PROBLEMS,
    BulletinKind.LEDGER: _OF_PROBLEMS,
    BulletinKind.PROBLEMS: _OF_PROBLEMS,
    BulletinKind.TASKS: _OF_PROBLEMS,
    BulletinKind.WALL_CHART: _OF_PROBLEMS,
    BulletinKind.RESPONSIBILITIES: _from(_C.LEADS, _C.INDICATOR) | {_C.UNIT, _C.CLAUSE, _C.SPONSOR, _C.PERSON},
    BulletinKind.TARGETS: _from(_C.INDICATOR) | {_C.UNIT, _C.CO_UNITS, _C.CLAUSE},
}
#: The columns of a bulletin that names none.
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
    BulletinKind.PROBLEMS: (
        _C.NUMBER, _C.TITLE, _C.CATEGORY, _C.AREA, _C.ENTERPRISE, _C.CHANNEL, _C.REGISTERED_ON, _C.STATUS,
    ),
    BulletinKind.RESPONSIBILITIES: (_C.UNIT, _C.CLAUSE, _C.SPONSOR, _C.PERSON, _C.LEADS, _C.JOINS),
    BulletinKind.TASKS: (
        _C.NUMBER, _C.TITLE, _C.UNIT, _C.PERSON, _C.TARGET, _C.MEASURES, _C.MILESTONES, _C.OBLIGATION, _C.OWNER,
        _C.DUE_ON, _C.DAYS_LATE,
    ),
    BulletinKind.WALL_CHART: (
        _C.NUMBER, _C.TITLE, _C.UNIT, _C.PERSON, _C.PLANNED_FROM, _C.MILESTONES, _C.PLANNED_TO, _C.STANDING,
    ),
    BulletinKind.TARGETS: (
        _C.INDICATOR, _C.BOUND, _C.MEASURED_IN, _C.REACH_BY, _C.READING, _C.READ_ON, _C.REACHED, _C.UNIT, _C.CO_UNITS,
        _C.CLAUSE,
    ),
}  # fmt: skip
