"""The laws between the entries of a pack. A pack that breaks one is refused with its path and the law. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from duban.policy.laws import (
    assessment,
    detection,
    enforcement_items,
    events,
    justifications,
    privacy,
    problems,
    ratings,
    records,
    replies,
    signs,
    steps,
    targets,
    texts,
)
from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack

#: Every law, in the order in which a pack is held against them.
LAWS: tuple[Callable[[PolicyPack], Iterator[Breach]], ...] = (
    *problems.LAWS,
    *assessment.LAWS,
    *steps.LAWS,
    *targets.LAWS,
    *records.LAWS,
    *enforcement_items.LAWS,
    *replies.LAWS,
    *ratings.LAWS,
    *signs.LAWS,
    *events.LAWS,
    *justifications.LAWS,
    *detection.LAWS,
    *privacy.LAWS,
    *texts.LAWS,
)


def breaches(pack: PolicyPack) -> Iterator[Breach]:
    """Every law that ``pack`` breaks, in the order of the file."""
    for law in LAWS:
        yield from law(pack)


#: The laws without which the core cannot decide by a pack: that what it names is in it, and that nothing goes round.
OF_NAMES: tuple[Callable[[PolicyPack], Iterator[Breach]], ...] = (
    problems.units_are_known,
    problems.areas_and_categories_are_known,
    problems.parents_form_trees,
    problems.territory_has_a_unit,
    problems.ladders_climb,
    problems.obligations_have_ladders,
    problems.obligations_belong_to_somebody,
    problems.flags_are_known,
    problems.occasions_are_of_something,
    problems.approvers_and_issuers_are_units,
    problems.triggers_can_fire,
    problems.duties_are_owed,
    records.lists_and_rewards_have_somebody,
    records.records_go_on_to_platforms,
    records.measures_open_something,
)


def unusable(pack: PolicyPack) -> Breach | None:
    """The first name in ``pack`` that means nothing; None where all do.

    A reader of packs asks no more than this: a law that was added later must not take a city's pack away.
    """
    return next((breach for law in OF_NAMES for breach in law(pack)), None)


__all__ = ["LAWS", "OF_NAMES", "Breach", "breaches", "unusable"]
