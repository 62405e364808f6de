"""What a filed plan says on the wall: from when to when, its milestones, and where the work stands beside it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from duban.messages import changes as c
from duban.messages.records import Problem
from duban.moves import Status
from duban_console.assessment.histories import History
from duban_console.assessment.periods import Stretch
from duban_console.assessment.words import WORDS, Language, listed, said

#: In these the unit has done what it planned.
_DONE: Final = frozenset({Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF})
#: In these nobody is behind a plan.
_RESTING: Final = frozenset({Status.PAUSED, Status.REJECTED})

DayOf = Callable[[datetime], date]


def planned_from(history: History) -> datetime | None:
    """When the unit that has the problem now filed its first plan; a plan filed anew begins nothing anew."""
    first: datetime | None = None
    for deed in history.deeds:
        if isinstance(deed.event.change, c.Dispatched):
            first = None
        elif isinstance(deed.event.change, c.Planned):
            first = first or deed.event.at
    return first


def milestones(problem: Problem, day_of: DayOf, language: Language) -> str | None:
    """The milestones of the plan in one cell, each with its day, and whether it is reached."""
    if problem.plan is None:
        return None
    cells = []
    for index, milestone in enumerate(problem.plan.milestones):
        word = WORDS["milestone_reached" if index < problem.milestones_reached else "milestone"]
        cells.append(said(word, language).format(title=milestone.title, day=day_of(milestone.due_at).isoformat()))
    return listed(cells, language)


def days_behind(problem: Problem, stretch: Stretch, day_of: DayOf) -> int | None:
    """For how many days, begun ones too, the earliest date of the plan that was missed has passed; None if none has."""
    if problem.plan is None or problem.status in _DONE or problem.status in _RESTING:
        return None
    left = problem.plan.milestones[problem.milestones_reached :]
    missed = min((problem.plan.due_at, *(milestone.due_at for milestone in left)))
    return max(1, (stretch.last - day_of(missed)).days) if missed < stretch.as_of else None


def standing(problem: Problem, behind: int | None, language: Language) -> str | None:
    """Done, behind by so many days, or on the way; what rests is told by its status."""
    if problem.plan is None:
        return None
    if behind is not None:
        return said(WORDS["behind"], language).format(days=behind)
    if problem.status in _RESTING:
        return said(WORDS[problem.status], language)
    return said(WORDS["done" if problem.status in _DONE else "on_the_way"], language)
