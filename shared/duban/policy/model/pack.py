"""What a policy pack may say: everything that differs between cities, as data.

A pack is one YAML file. Each entry that carries a rule names the clause of the document it rests on, or says
``basis: practice`` where the document is silent. The laws that hold between entries stand in
:mod:`duban.policy.laws`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from duban.calendar import CalendarNotice, Counting, WorkingHours
from duban.messages.envelope import Document
from duban.policy.model.assessment import Assessment, Bulletin
from duban.policy.model.detection import Detection
from duban.policy.model.draw import DrawRule
from duban.policy.model.duty import DutyRule, Window
from duban.policy.model.entry import Day, Founded, Id, Name, Text
from duban.policy.model.ladder import Ladder, Measure, Obligation, Trigger
from duban.policy.model.lifecycle import (
    Closing,
    Extension,
    FlagRule,
    Gate,
    HandBackRule,
    JustificationRule,
    LookBackRule,
    PauseRule,
    RatingRule,
    Rejection,
    ReplyRule,
)
from duban.policy.model.listing import ListRule, Platform, RewardRule
from duban.policy.model.organisation import Area, Category, Channel, Fallback, Matter, Nearness, Responsibility, Unit
from duban.policy.model.privacy import Privacy
from duban.policy.model.sign import SignRule
from duban.policy.model.step import StepRule
from duban.policy.model.target import Target


class WorkingTime(Founded):
    """The calendar that counts, the hours of work, and how working days are counted."""

    calendar: Id
    hours: WorkingHours
    counting: Counting


class PolicyPack(Document):
    """One city's policy: who answers for what, until when, and what follows when not.

    ``duban pack publish`` writes it, and the API when two people have said so.
    """

    TOPIC: ClassVar[str] = "duban.packs.v1"
    TYPE: ClassVar[str] = "duban.pack.published"

    id: Id
    version: int = Field(ge=1)
    jurisdiction: Name
    title: Text
    document: str = Field(min_length=1)
    effective_from: Day | None = None
    time: WorkingTime
    number: str = Field(min_length=1)
    office: Name
    units: tuple[Unit, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)
    areas: tuple[Area, ...] = ()
    categories: tuple[Category, ...] = Field(min_length=1)
    default_category: Name
    matters: tuple[Matter, ...] = ()
    default_matter: Name | None = None
    near: Nearness | Literal["never"]
    responsibility_list: tuple[Responsibility, ...] = Field(min_length=1)
    always_responsible: tuple[str, ...] = ()
    fallback: Fallback
    hand_back: HandBackRule
    closing: Closing
    measures: tuple[Measure, ...] = Field(min_length=1)
    ladders: tuple[Ladder, ...] = Field(min_length=1)
    obligations: tuple[Obligation, ...] = Field(min_length=1)
    steps: tuple[StepRule, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    parts: Literal["none", "each_co_unit"] = "none"
    plan_changes: Literal["filed", "by_approval"] = "filed"
    public_texts: Literal["masked", "by_clerk"] = "masked"
    extension: Extension | None = None
    replies: tuple[ReplyRule, ...] = ()
    ratings: tuple[RatingRule, ...] = ()
    justification: JustificationRule | None = None
    pause: PauseRule | None = None
    flags: tuple[FlagRule, ...] = ()
    gate: Gate | None = None
    look_back: LookBackRule | None = None
    signs: tuple[SignRule, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    windows: tuple[Window, ...] = ()
    duties: tuple[DutyRule, ...] = ()
    platforms: tuple[Platform, ...] = ()
    lists: tuple[ListRule, ...] = ()
    rewards: tuple[RewardRule, ...] = ()
    draws: tuple[DrawRule, ...] = ()
    assessment: Assessment | None = None
    bulletins: tuple[Bulletin, ...] = ()
    targets: tuple[Target, ...] = ()
    detection: Detection | None = None
    privacy: Privacy | None = None

    @property
    def ref(self) -> str:
        """The pack and its version in one word, as problems cite it."""
        return f"{self.id}@{self.version}"

    @property
    def wants(self) -> tuple[str | None, ...]:
        """The matters that a problem may be of; None among them where a report need not be of any."""
        named = tuple(matter.id for matter in self.matters)
        return named if self.default_matter is not None else (*named, None)


class PublishedCalendar(Document):
    """A holiday calendar as published; a new version takes the place of the one before."""

    TOPIC: ClassVar[str] = "duban.packs.v1"
    TYPE: ClassVar[str] = "duban.calendar.published"

    notice: CalendarNotice


PACKS: dict[str, type[PolicyPack] | type[PublishedCalendar]] = {
    PolicyPack.TYPE: PolicyPack,
    PublishedCalendar.TYPE: PublishedCalendar,
}
