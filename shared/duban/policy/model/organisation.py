"""Who is who, and who answers for what: units, channels, areas, categories, matters, the responsibility list. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duban.policy.model.entry import Founded, Id, Name, Text, Written


class Liaison(Written):
    """Who is reached at a unit (联络员): a deputy head and a member of staff."""

    deputy: str = Field(min_length=1)
    staff: str = Field(min_length=1)


class Unit(Founded):
    """An organisation that can be given problems, or told of them; ``roles`` are words of the city, such as ``county``.

    A unit that is ``outside`` the hierarchy is asked by letter, not ordered.
    """

    id: Name
    title: Text
    parent: Name | None = None
    roles: tuple[Id, ...] = ()
    liaison: Liaison | None = None
    outside: bool = False


class Channel(Founded):
    """A way by which reports come in (渠道)."""

    id: Name
    title: Text


class Cell(Written):
    """The five things fixed for a cell of the grid (五定): the area itself, and duty, person, task and assessment."""

    duty: str = Field(min_length=1)
    person: str = Field(min_length=1)
    task: str = Field(min_length=1)
    assessment: str = Field(min_length=1)


class Area(Written):
    """A place; its unit answers for it, and for the areas inside it that have no unit of their own.

    ``tier`` is its level in the grid, 1 at the top, at most five; ``cell`` is what is fixed for it as a cell.
    """

    id: Name
    title: Text
    parent: Name | None = None
    unit: Name | None = None
    tier: int | None = Field(default=None, ge=1, le=5)
    cell: Cell | None = None


class Nearness(Written):
    """When two reports of one category and one matter are taken for the same problem."""

    metres: float = Field(gt=0, le=10_000)
    hours: float = Field(gt=0, le=24 * 365)


class Category(Founded):
    """A class of problems; ``near`` overrides the pack's nearness, and ``near: never`` switches it off.

    ``urgent``: its notices wait for no quiet hours, and whoever is called because of it is called until they answer.
    """

    id: Name
    title: Text
    near: Nearness | Literal["never"] | None = None
    urgent: bool = False


class Matter(Founded):
    """What a report wants (诉求类型): a consultation, a complaint, help …; the category says what it is about.

    ``near`` overrides the nearness of the category and of the pack.
    """

    id: Name
    title: Text
    near: Nearness | Literal["never"] | None = None


#: In ``lead`` and ``co``: the unit that answers for the problem's area.
TERRITORIAL = "@territorial"


#: As ``lead``: a person at the fallback desk, or in the office, assigns it; no rule dispatches it.
DESK = "@desk"


class Responsibility(Founded):
    """One line of the responsibility list (责任清单); what it does not name, it takes all of. The first match wins.

    ``lead`` is a unit, ``@territorial`` for that of the area, or ``@desk`` where a person assigns.
    """

    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    areas: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    lead: str
    co: tuple[str, ...] = ()


class Fallback(Founded):
    """The desk that takes what no line of the responsibility list matches, so that nothing is unrouted."""

    unit: Name
