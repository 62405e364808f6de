"""A problem as the public of a city reads it, in one of two languages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duban.masks import published
from duban.messages.report import Location
from duban.moves import Status
from duban.pages.words import PageLanguage
from duban.policy.model.entry import Text
from duban.policy.rules import Rules
from duban_intake.gateway.open311.requests import NOTES, PublicProblem
from duban_intake.nearness import metres_between

#: Where something has become of it of which its reporter can be satisfied.
RATED: Final = frozenset({Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF, Status.REJECTED})
#: So far off a problem of the same category is shown to who is about to report.
NEAR_METRES: Final = 300


@dataclass(frozen=True, slots=True)
class PublicView:
    """What a page shows of a problem. ``metres``: how far off it is from where somebody stands."""

    id: str
    number: str
    title: str
    category: str
    state: str
    is_open: bool
    may_be_rated: bool
    unit: str
    begun_at: datetime
    updated_at: datetime
    expected_at: datetime | None
    ground: str | None
    location: Location | None
    metres: int | None = None


def words_in(language: PageLanguage) -> Callable[[Text], str]:
    """How a text of a pack is said in ``language``."""
    return lambda text: (text.zh or text.en) if language == "zh" else text.en


def public_view(
    problem: PublicProblem, rules: Rules, language: PageLanguage, origin: Location | None = None
) -> PublicView:
    """``problem`` by the ``rules`` that it lives under; who reported it is not in it."""
    say = words_in(language)
    category = rules.categories.get(problem.category)
    service = say(category.title) if category else problem.category
    unit = problem.lead_unit or rules.pack.office
    ground = rules.rejections.get(problem.ground or "")
    place, expected_at = problem.location, problem.expected_at
    return PublicView(
        id=str(problem.id),
        number=problem.number,
        title=published(problem.title) if problem.title is not None else service,
        category=service,
        state=say(NOTES[problem.status]),
        is_open=problem.is_open,
        may_be_rated=problem.status in RATED,
        unit=say(rules.units[unit].title) if unit in rules.units else unit,
        begun_at=problem.begun_at.astimezone(rules.zone),
        updated_at=problem.updated_at.astimezone(rules.zone),
        expected_at=expected_at.astimezone(rules.zone) if expected_at else None,
        ground=say(ground.title) if ground else None,
        location=place,
        metres=round(metres_between(origin, place)) if origin is not None and place is not None else None,
    )


def nearest(views: Sequence[PublicView], most: int = 5) -> list[PublicView]:
    """Those of ``views`` within reach of where somebody stands, the nearest first."""
    near = [view for view in views if view.metres is not None and view.metres <= NEAR_METRES]
    return sorted(near, key=lambda view: view.metres or 0)[:most]
