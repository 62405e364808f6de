"""A history as a story: what happened when, by whom, by which clause and why, with its evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from duban.messages import changes as c
from duban.messages.commands import ENGINE, Actor
from duban.messages.records import AnyRecord
from duban.messages.report import STORE_SCHEME, Evidence
from duban_console.pages.record_words import RecordWords

#: By their names, files that a browser shows as a picture.
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif")
#: What a story says in another place than among the particulars, or nobody needs to read.
_ELSEWHERE: Final = (
    "clause", "evidence", "filed", "note", "text", "generation", "level", "due_at", "pack", "jurisdiction", "cause",
    "id", "source", "provisional", "plan", "answers", "told_since", "counted", "beside", "version", "status",
)  # fmt: skip
#: What is done against somebody who is late.
_MEASURES: Final = ("escalated", "measured", "exposed", "reminded")


class HistoryLine(Protocol):
    """One event of a history, as far as it is for who reads."""

    @property
    def version(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> Actor: ...
    @property
    def reason(self) -> str: ...
    @property
    def change(self) -> c.Change: ...


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """A piece of evidence: where it is seen, how it is called, and by which hash it is known."""

    title: str
    sha256: str
    href: str
    is_picture: bool


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One event as it is told."""

    version: int
    at: str
    instant: str
    what: str
    who: str
    details: tuple[tuple[str, str], ...]
    says: str
    reason: str
    clause: str
    evidence: tuple[ShownEvidence, ...]
    is_measure: bool


def story(lines: Iterable[HistoryLine], record: AnyRecord, words: RecordWords) -> list[StoryLine]:
    """The events of ``record``, the first first."""
    return [_line(line, record, words) for line in lines]


def _line(line: HistoryLine, record: AnyRecord, words: RecordWords) -> StoryLine:
    change = line.change
    evidence = getattr(change, "evidence", ())
    if isinstance(change, c.Registered | c.Attached):
        evidence = change.filed.report.evidence
    return StoryLine(
        version=line.version, at=words.instant(line.at), instant=line.at.isoformat(), what=_what(change, record, words),
        who=who(line.actor, words), details=tuple(_details(change, record, words)), says=_says(change),
        reason=line.reason, clause=_clause(change, record, words), evidence=tuple(shown_evidence(evidence)),
        is_measure=change.kind in _MEASURES,
    )  # fmt: skip


def who(actor: Actor, words: RecordWords) -> str:
    """Who acted: the unit, and the person where one is named."""
    unit = words.say("the engine") if actor.unit == ENGINE else words.unit(actor.unit)
    return f"{unit} {actor.person}" if actor.person else unit


def _what(change: c.Change, record: AnyRecord, words: RecordWords) -> str:
    event = words.event(change.kind)
    match change:
        case c.Escalated() | c.Reminded():
            owed = words.obligation(record, change.obligation)
            measure = words.named("measures", change.measure) if change.measure else event
            return f"{measure} · {owed}"
        case c.Measured() | c.Approved() | c.Withheld():
            return f"{event} · {words.named('measures', change.measure)}"
        case c.StepTaken() | c.StepWaived():
            return f"{event} · {words.named('steps', change.step)}"
        case c.Checked():
            return f"{event} · {words.check(change.check)}"
        case _:
            return event


def _details(change: c.Change, record: AnyRecord, words: RecordWords) -> Iterable[tuple[str, str]]:
    match change:
        case c.Registered() | c.Attached():
            report = change.filed.report
            yield words.field("channel"), words.named("channels", report.channel)
            if isinstance(change, c.Registered):
                yield words.field("category"), words.named("categories", change.category)
            if report.enterprise:
                yield words.say("Enterprise"), report.enterprise
        case c.Planned(plan=plan) | c.PlanProposed(plan=plan):
            for name in ("person", "target", "measures", "due_at", "rectification"):
                yield words.field(name), words.value(name, getattr(plan, name), record)
            for milestone in plan.milestones:
                yield words.say("Milestone"), f"{milestone.title} ({words.instant(milestone.due_at)})"
        case c.Escalated() | c.Reminded():
            yield words.field("owner"), words.unit(change.owner)
            yield words.field("lapse_at"), words.instant(change.lapse_at)
            yield words.say("Told"), words.value("unit", change.to, record)
            if isinstance(change, c.Escalated) and change.approval:
                yield words.field("approval"), words.unit(change.approval)
        case c.Measured():
            yield words.field("owner"), words.unit(change.owner)
            yield words.say("Told"), words.value("unit", change.to, record)
        case _:
            shown_above = ("measure",) if isinstance(change, c.Approved | c.Withheld) else ()
            yield from words.fields(change, record, (*_ELSEWHERE, *shown_above, "step", "check"))


def _says(change: c.Change) -> str:
    match change:
        case c.Registered() | c.Attached():
            report = change.filed.report
            return "\n".join(part for part in (report.title, report.text) if part)
        case c.Progressed():
            return change.note
        case c.Replied() | c.Appealed():
            return change.text
        case _:
            return ""


def _clause(change: c.Change, record: AnyRecord, words: RecordWords) -> str:
    if isinstance(change, c.Escalated | c.Reminded):
        return words.clause_of(record, change.obligation)
    return words.clause(getattr(change, "clause", ""))


def shown_evidence(evidence: Iterable[Evidence]) -> Iterable[ShownEvidence]:
    """Pieces of evidence as a page leads to them; one that others keep has no address here."""
    for piece in evidence:
        title = piece.title or piece.sha256[:12]
        is_ours = piece.uri.startswith(STORE_SCHEME)
        href = f"/v1/evidence/{piece.sha256}/published" if is_ours else ""
        yield ShownEvidence(title, piece.sha256, href, is_ours and piece.title.lower().endswith(_PICTURES))
