"""What a careful reader would ask about a pack that breaks no law: gaps, shadows, what never comes to pass. Pure.

Durations of different kinds are compared as the engine would count them: on the pack's calendar, from moments all
through the latest year that has a notice. What cannot be decided so is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from duban.calendar import Calendar
from duban.policy.advice.closure import checks_unsigned, flags_unused, look_back_unsigned, verified_by_nobody
from duban.policy.advice.detection import monitors_that_nobody_watches
from duban.policy.advice.durations import (
    Durations,
    hours_that_ignore_the_weekend,
    levels_out_of_order,
    limits_beyond_the_calendar,
    limits_longer_than_the_overall_one,
    reminders_out_of_order,
    reminders_that_never_come,
    second_limits_that_are_no_longer,
)
from duban.policy.advice.form import Advice, Speech
from duban.policy.advice.ladders import reminders_that_wait_for_nobody
from duban.policy.advice.obligations import (
    categories_without_a_limit,
    founded_on_practice,
    ladders_that_only_marks_climb,
    levels_cut_off,
    obligations_that_never_run,
    obligations_that_their_owners_cannot_meet,
    reasons_that_meet_no_level,
    requests_that_nobody_decides,
    statuses_nobody_watches,
)
from duban.policy.advice.privacy import kept_without_end, titles_beside_sealed_texts
from duban.policy.advice.ratings import limits_that_run_on_when_it_is_redone, ratings_that_set_no_clock_going
from duban.policy.advice.records import lists, opened_by_nothing, rewards
from duban.policy.advice.replies import replies_that_nobody_owes, replies_that_their_owner_may_not_give
from duban.policy.advice.routing import areas_without_a_unit, gaps, overlaps
from duban.policy.advice.signs import signs_unused
from duban.policy.advice.steps import steps_that_cannot_come, steps_unused
from duban.policy.advice.unused import liaisons, never_used, platforms, superiors
from duban.policy.language import Language
from duban.policy.model.pack import PolicyPack

__all__ = ["Advice", "advice"]


def advice(pack: PolicyPack, calendar: Calendar | None, language: Language = Language.EN) -> list[Advice]:
    """What there is to say about a pack that breaks no law, warnings first, else in the order of the file.

    Without a ``calendar`` durations are not compared.
    """
    speech = Speech(language)
    entries = [entry for adviser in ADVISERS for entry in adviser(pack, speech)]
    if calendar is not None:
        entries += [entry for timekeeper in TIMEKEEPERS for entry in timekeeper(pack, Durations(calendar), speech)]
    places = list(type(pack).model_fields)
    order = {path: index for index, path in enumerate(places)}
    return sorted(
        entries, key=lambda entry: (entry.severity == "note", order.get(entry.path.split(".")[0], len(order)))
    )


#: What the entries say together.
ADVISERS: Final[tuple[Callable[[PolicyPack, Speech], Iterator[Advice]], ...]] = (
    gaps,
    overlaps,
    areas_without_a_unit,
    never_used,
    liaisons,
    superiors,
    platforms,
    categories_without_a_limit,
    statuses_nobody_watches,
    obligations_that_never_run,
    obligations_that_their_owners_cannot_meet,
    levels_cut_off,
    ladders_that_only_marks_climb,
    reminders_that_wait_for_nobody,
    verified_by_nobody,
    checks_unsigned,
    look_back_unsigned,
    flags_unused,
    reasons_that_meet_no_level,
    requests_that_nobody_decides,
    replies_that_nobody_owes,
    replies_that_their_owner_may_not_give,
    ratings_that_set_no_clock_going,
    limits_that_run_on_when_it_is_redone,
    steps_unused,
    steps_that_cannot_come,
    signs_unused,
    opened_by_nothing,
    lists,
    rewards,
    monitors_that_nobody_watches,
    titles_beside_sealed_texts,
    kept_without_end,
    founded_on_practice,
)
#: What shows when the durations are counted.
TIMEKEEPERS: Final[tuple[Callable[[PolicyPack, Durations, Speech], Iterator[Advice]], ...]] = (
    hours_that_ignore_the_weekend,
    limits_beyond_the_calendar,
    second_limits_that_are_no_longer,
    reminders_that_never_come,
    reminders_out_of_order,
    levels_out_of_order,
    limits_longer_than_the_overall_one,
)
