"""What each kind of measure does, and what a notice of it says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, TypeGuard, assert_never
from uuid import UUID

from duban.masks import published
from duban.messages import commands as do
from duban.messages.changes import Approved, Escalated, Measured, Reminded
from duban.messages.envelope import Message, derived_id
from duban.messages.events import LedgerEvent, event_id
from duban.messages.notices import Concern, Notice
from duban.messages.records import AnyRecord, Event, Problem
from duban.messages.struct import replace
from duban.policy.model.entry import Text
from duban.policy.model.ladder import MeasureKind
from duban.policy.rules import Rules

SOURCE: Final = "duban/escalation"
#: The recipient of a notice that everybody may read.
PUBLIC: Final = "public"
#: As whom the service acts.
ENGINE: Final = do.Actor(unit=do.ENGINE, person="escalation")


@dataclass(frozen=True, slots=True)
class Effect:
    """What the engine does with a measure beside telling its recipients.

    ``board`` is the public list on which it stands; ``standing``: it stays there until the problem is closed.
    """

    board: str | None = None
    standing: bool = False


def effect(kind: MeasureKind) -> Effect:
    """The effect of each kind of measure. Every kind is recorded as taken and told to its recipients."""
    match kind:
        case MeasureKind.REMINDER | MeasureKind.PAGE | MeasureKind.BULLETIN | MeasureKind.INTERVIEW:
            return Effect()
        case MeasureKind.RECTIFY_ORDER | MeasureKind.SUPERVISION | MeasureKind.SPECIAL_INSPECTION:
            return Effect()
        case MeasureKind.REFERRAL | MeasureKind.ASSISTANCE | MeasureKind.ACCOUNTABILITY:
            return Effect()
        case MeasureKind.CARD | MeasureKind.CREDIT:
            return Effect(board="credit")
        case MeasureKind.EXPOSURE:
            return Effect(board="exposure")
        case MeasureKind.LISTED_SUPERVISION:
            return Effect(board="supervision", standing=True)
        case _:
            assert_never(kind)


@dataclass(frozen=True, slots=True)
class MeasureTaken:
    """An act of the ladder as the record of measures holds it; ``version`` is that of the problem's event.

    Where it ``opens`` an entry on a list, that entry is what is published, not the measure.
    """

    problem_id: UUID
    version: int
    kind: MeasureKind
    measure: str
    owner: str
    level: int
    obligation: str
    part: str | None
    at: datetime
    public: bool
    number: str
    jurisdiction: str
    opens: bool = False

    @property
    def effect(self) -> Effect:
        """What follows from its kind."""
        return Effect() if self.opens else effect(self.kind)


Taking: TypeAlias = Reminded | Escalated | Measured | Approved

#: The events that take a measure, or release one that waited for approval.
TAKING: Final = (Reminded, Escalated, Measured, Approved)


@dataclass(frozen=True, slots=True)
class Warrant:
    """Why a measure is taken: the obligation that lapses, or the rule that was set off; whose it is, and since when.

    ``provisional``: a notice of holidays that is not out yet may move the lapse.
    """

    name: str
    part: str | None
    title: str
    level: int
    owner: str
    lapse_at: datetime
    provisional: bool = False


def warrant_of(event: Event, record: AnyRecord, rules: Rules) -> Warrant:
    """The warrant of the measure that ``event`` takes, or releases."""
    change = event.change
    assert isinstance(change, TAKING)
    part, level, lapse_at = None, 0, event.at
    if isinstance(change, Reminded | Escalated):
        name, part, level, lapse_at = change.obligation, change.part, change.level, change.lapse_at
    elif isinstance(change, Approved):
        name, part, level = change.ground or "approved", change.part, change.level
        lapse_at = change.lapse_at or event.at
    else:
        name = change.ground
    title = rules.obligation(record, name).title if level > 0 else rules.measures[change.measure].title
    owner = change.owner or part or record.holder or rules.pack.office
    provisional = not isinstance(change, Measured) and change.provisional
    return Warrant(name, part, title.native, level, owner, lapse_at, provisional)


def measure_taken(event: LedgerEvent, rules: Rules) -> MeasureTaken | None:
    """The measure that ``event`` took or released; None where it did neither, or where the measure still waits."""
    change, record = event.event.change, event.record
    if not takes(change) or waits(change):
        return None
    measure, warrant = rules.measures[change.measure], warrant_of(event.event, record, rules)
    return MeasureTaken(
        problem_id=record.id,
        version=event.event.version,
        kind=measure.kind,
        measure=measure.id,
        owner=warrant.owner,
        level=warrant.level,
        obligation=warrant.name,
        part=warrant.part,
        at=event.event.at,
        public=measure.public,
        number=record.number,
        jurisdiction=record.jurisdiction,
        opens=measure.opens is not None,
    )


def notices_for(event: LedgerEvent, rules: Rules) -> list[Message[Notice]]:
    """What must be told because of ``event``: one per recipient, to the public where it is public, to a platform.

    A measure that waits for approval is told to who approves it, and to the others when it is approved. The id of a
    notice follows from the event and the recipient, so the same event always gives the same notices. What is
    public says nothing of what a reporter has written that tells who somebody is, whoever gets it.
    """
    change = event.event.change
    if not takes(change):
        return []
    measure = rules.measures[change.measure]
    to = (
        (str(rules.approver(measure, event.record)),)
        if waits(change)
        else (*change.to, *((PUBLIC,) if measure.public else ()))
    )
    warrant = warrant_of(event.event, event.record, rules)
    notices = [_notice(event, change, warrant, recipient, rules) for recipient in dict.fromkeys(to)]
    if measure.passed_on_to is not None and not waits(change):
        notices.append(to_platform(_notice(event, change, warrant, measure.passed_on_to, rules)))
    return notices


def is_urgent(record: AnyRecord, rules: Rules) -> bool:
    """Whether ``record`` is a problem of an urgent category."""
    category = rules.categories.get(record.category) if isinstance(record, Problem) else None
    return category is not None and category.urgent


def to_platform(notice: Message[Notice]) -> Message[Notice]:
    """``notice`` with the key of the platform that gets it, which names the city too: two may have one of that id."""
    return replace(notice, key=f"{notice.jurisdiction}/{notice.data.recipient}")


def takes(change: object) -> TypeGuard[Taking]:
    """Whether ``change`` takes a measure, or releases one; a lapse at which the ladder takes none does not."""
    return isinstance(change, TAKING) and change.measure != ""


def waits(change: Taking) -> bool:
    """Whether the measure is not released yet."""
    return isinstance(change, Escalated | Measured) and change.approval is not None


def _notice(event: LedgerEvent, change: Taking, warrant: Warrant, recipient: str, rules: Rules) -> Message[Notice]:
    record, at, version = event.record, event.event.at, event.event.version
    measure = rules.measures[change.measure]
    public = measure.public and not waits(change)
    title = published(record.title) if public else record.title
    return Message(
        id=str(derived_id("notice", record.id, version, recipient)),
        source=SOURCE,
        subject=str(record.id),
        time=at,
        jurisdiction=record.jurisdiction,
        key=recipient,
        cause=event_id(record.id, version),
        data=Notice(
            recipient=recipient,
            kind=record.kind,
            event=change.kind,
            measure=measure.id,
            measure_kind=measure.kind,
            level=warrant.level,
            obligation=warrant.name,
            part=warrant.part,
            problem_id=record.id,
            number=record.number,
            title=title,
            owner=warrant.owner,
            lapse_at=warrant.lapse_at,
            provisional=warrant.provisional,
            public=public,
            text=_request(event, change, warrant, rules) if waits(change) else _text(record, change, warrant, rules),
            issued_at=at,
            concern=Concern.ASKED if waits(change) else Concern.TOLD,
            version=version if waits(change) else None,
            urgent=measure.kind is MeasureKind.PAGE or is_urgent(record, rules),
        ),
    )


def _request(event: LedgerEvent, change: Taking, warrant: Warrant, rules: Rules) -> str:
    """What whoever approves is asked, in the language of the measure, with the words that would go out."""
    record, version = event.record, event.event.version
    title, unit = rules.measures[change.measure].title, rules.title_of(warrant.owner)
    draft = _text(record, change, warrant, rules)
    if title.zh is None:
        return (
            f"Approval is asked for: {title.en}, against {unit}, on {record.number}. It is not taken, and "
            f"nobody else is told, before you approve it (event {version}); you may withhold it with a reason.\n"
            f"What would go out: {draft}"
        )
    return (
        f"【待审批】拟对{unit}采取“{title.zh}”（{record.number}）。批准前不执行，也不告知其他单位；"
        f"请批准，或说明理由不予批准（事件{version}）。\n拟发文书：{draft}"
    )


def _text(record: AnyRecord, change: Taking, warrant: Warrant, rules: Rules) -> str:
    """The template of the measure, filled in; instants in the local time of the pack."""
    measure = rules.measures[change.measure]
    title = published(record.title) if measure.public else record.title
    category = rules.categories.get(record.category) if isinstance(record, Problem) else None
    matter = rules.matters.get(record.matter or "") if isinstance(record, Problem) else None
    return measure.text.format(
        number=record.number,
        title=title,
        unit=rules.title_of(warrant.owner),
        obligation=warrant.title,
        lapse=shown_at(warrant.lapse_at, "%Y-%m-%d %H:%M", rules, provisional=warrant.provisional),
        lapse_date=shown_at(warrant.lapse_at, "%Y-%m-%d", rules, provisional=warrant.provisional),
        measure=measure.title.native,
        category=category.title.native if category else title,
        matter=matter.title.native if matter else "",
    )


#: Stands behind an instant that a notice of holidays may still move, in the language of the pack.
_PROVISIONAL: Final = Text(en=" (provisional)", zh="（暂定）")


def shown_at(at: datetime, pattern: str, rules: Rules, *, provisional: bool) -> str:
    """``at`` for people, in the local time of the pack; marked where it is ``provisional``."""
    mark = _PROVISIONAL.native if rules.pack.title.zh else _PROVISIONAL.en
    return f"{at.astimezone(rules.zone):{pattern}}{mark if provisional else ''}"
