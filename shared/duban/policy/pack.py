"""What a policy pack may say: everything that differs between cities, as data.

A pack is one YAML file. Each entry that carries a rule names the clause of the document it rests on, or says
``basis: practice`` where the document is silent. The laws that hold between entries stand in :mod:`duban.policy.laws`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from duban.calendar import CalendarNotice, Counting, Within, WorkingHours
from duban.messages.envelope import Payload
from duban.messages.events import KINDS
from duban.messages.report import Name, Part
from duban.problem import OPEN, Status

#: An identifier in a pack: lower case, digits and dashes for what we name ourselves, the city's own spelling elsewhere.
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class Text(Part):
    """A text for people: English always, Chinese as in the document where there is one."""

    en: str = Field(min_length=1)
    zh: str | None = None


class Founded(Part):
    """An entry that rests on something: a clause of the document, or practice."""

    clause: str | None = None
    basis: Literal["practice"] | None = None
    ids: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rests_on_something(self) -> Founded:
        if (self.clause is None) == (self.basis is None):
            raise ValueError("names either its clause or `basis: practice`")
        return self


class Unit(Founded):
    """An organisation that can be given problems, or told of them."""

    id: Name
    title: Text
    parent: Name | None = None


class Channel(Founded):
    """A way by which reports come in (渠道)."""

    id: Name
    title: Text


class Area(Part):
    """A place; its unit answers for it, and for the areas inside it that have no unit of their own."""

    id: Name
    title: Text
    parent: Name | None = None
    unit: Name | None = None


class Nearness(Part):
    """When two reports of one category are taken for the same problem."""

    metres: float = Field(gt=0, le=10_000)
    hours: float = Field(gt=0, le=24 * 365)


class Category(Founded):
    """A class of problems; ``near`` overrides the pack's nearness, and ``near: never`` switches it off."""

    id: Name
    title: Text
    near: Nearness | Literal["never"] | None = None


#: In ``lead`` and ``co``: the unit that answers for the problem's area.
TERRITORIAL = "@territorial"


class Responsibility(Founded):
    """One line of the responsibility list (责任清单); what it does not name, it takes all of. The first match wins."""

    categories: tuple[Name, ...] = ()
    areas: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    lead: str
    co: tuple[str, ...] = ()


class Fallback(Founded):
    """The desk that takes what no line of the responsibility list matches, so that nothing is unrouted."""

    unit: Name


class HandBackRule(Founded):
    """What a hand-back needs, and how often a problem may come back before the office rules finally."""

    evidence: bool
    clause_cited: bool
    at_most: int = Field(ge=1)


class Closing(Founded):
    """How a completed problem leaves the ledger: whether it is verified, and who strikes it off."""

    verify: bool
    strike_off: Literal["by_office", "automatic"]
    outcomes: tuple[Name, ...] = Field(min_length=1)


class MeasureKind(StrEnum):
    """The kinds of measures that the engine can carry out."""

    REMINDER = "reminder"
    BULLETIN = "bulletin"
    INTERVIEW = "interview"
    EXPOSURE = "exposure"
    LISTED_SUPERVISION = "listed_supervision"
    SPECIAL_INSPECTION = "special_inspection"
    ACCOUNTABILITY = "accountability"


#: What the text of a measure may mention.
TEXT_FIELDS = ("number", "title", "unit", "obligation", "lapse", "lapse_date", "measure", "category")


class Measure(Founded):
    """An act with a legal name that the ladder takes; ``text`` is what its notice says, in the words of the city."""

    id: Id
    kind: MeasureKind
    title: Text
    text: str = Field(min_length=1)
    public: bool = False


#: In ``to``: the owner of the obligation, the unit above it, the lead unit, the co-units, the office.
RELATIVE = ("@owner", "@superior", "@lead", "@co", "@office")


class Rung(Part):
    """A step of a ladder: ``before`` the lapse (a reminder) or ``after`` it, the measure, and who is told."""

    measure: Id
    before: Within | None = None
    after: Within | None = None
    to: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _not_both(self) -> Rung:
        if self.before is not None and self.after is not None:
            raise ValueError("has both `before` and `after`; a rung is taken before the lapse or after it")
        return self


class Ladder(Founded):
    """The measures that follow one another while an obligation stays unmet; level 1 is the first rung."""

    id: Id
    rungs: tuple[Rung, ...] = Field(min_length=1)


def _known_events(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"{kind} is no event; the events are {', '.join(KINDS)}")
    return kinds


def _open_statuses(statuses: tuple[Status, ...]) -> tuple[Status, ...]:
    for status in statuses:
        if status not in OPEN:
            raise ValueError(f"{status} is a closed status; no deadline runs in it")
    return statuses


class Obligation(Founded):
    """What somebody owes while a problem is in certain statuses: since which event, for how long, with which ladder.

    ``since`` names the events that set the clock going; the latest of them counts, so an obligation that names its
    own fulfilment (``[dispatched, progressed]``) falls due again and again. ``within`` is the time limit; ``until:
    plan_due`` takes the date of the filed plan instead. It is met by leaving the statuses in which it runs, or by one
    of the events in ``met_by``. Without ``categories`` or ``channels`` it holds for all.
    """

    id: Id
    title: Text
    owner: Literal["@lead", "@office"]
    met_by: Annotated[tuple[str, ...], AfterValidator(_known_events)] = ()
    running: Annotated[tuple[Status, ...], Field(min_length=1), AfterValidator(_open_statuses)]
    since: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_known_events)]
    within: Within | None = None
    until: Literal["plan_due"] | None = None
    categories: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    ladder: Id

    @model_validator(mode="after")
    def _one_limit(self) -> Obligation:
        if (self.within is None) == (self.until is None):
            raise ValueError("needs exactly one of `within` and `until`; there is no default duration")
        return self


class WorkingTime(Founded):
    """The calendar that counts, the hours of work, and how working days are counted."""

    calendar: Id
    hours: WorkingHours
    counting: Counting


class PolicyPack(Payload):
    """One city's policy: who answers for what, until when, and what follows when not. ``duban pack publish`` writes."""

    TOPIC: ClassVar[str] = "duban.packs.v1"
    TYPE: ClassVar[str] = "duban.pack.published"

    id: Id
    version: int = Field(ge=1)
    jurisdiction: Name
    title: Text
    document: str = Field(min_length=1)
    time: WorkingTime
    number: str = Field(min_length=1)
    office: Name
    units: tuple[Unit, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)
    areas: tuple[Area, ...] = ()
    categories: tuple[Category, ...] = Field(min_length=1)
    default_category: Name
    near: Nearness | Literal["never"]
    responsibility_list: tuple[Responsibility, ...] = Field(min_length=1)
    always_responsible: tuple[str, ...] = ()
    fallback: Fallback
    hand_back: HandBackRule
    closing: Closing
    measures: tuple[Measure, ...] = Field(min_length=1)
    ladders: tuple[Ladder, ...] = Field(min_length=1)
    obligations: tuple[Obligation, ...] = Field(min_length=1)

    @property
    def ref(self) -> str:
        """The pack and its version in one word, as problems cite it."""
        return f"{self.id}@{self.version}"


class PublishedCalendar(Payload):
    """A holiday calendar as published; a new version takes the place of the one before."""

    TOPIC: ClassVar[str] = "duban.packs.v1"
    TYPE: ClassVar[str] = "duban.calendar.published"

    notice: CalendarNotice


PACKS: dict[str, type[PolicyPack] | type[PublishedCalendar]] = {
    PolicyPack.TYPE: PolicyPack,
    PublishedCalendar.TYPE: PublishedCalendar,
}
