"""A recorded history: its events in the order of time, and what in it people did, without the engine's own acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from duban.errors import DubanError
from duban.messages import changes as c
from duban.messages import struct
from duban.messages.commands import COMMANDS, ENGINE, Command
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.policy.library import Library
from duban_router.domain.decision import after

SOURCE: Final = "duban/replay"

#: The command behind an event that people caused, and what the event itself does not say of it.
_BEHIND: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "dispatched": ("dispatch", {}),
    "rejected": ("reject", {}),
    "acknowledged": ("acknowledge", {}),
    "handed_back": ("hand_back", {}),
    "planned": ("plan", {}),
    "plan_proposed": ("plan", {}),
    "plan_refused": ("decide_plan", {"approved": False}),
    "milestone_reached": ("reach_milestone", {}),
    "reviewed": ("review", {}),
    "progressed": ("progress", {}),
    "part_finished": ("finish_part", {}),
    "extension_asked": ("ask_extension", {}),
    "extended": ("decide_extension", {"granted": True}),
    "extension_denied": ("decide_extension", {"granted": False}),
    "justification_filed": ("justify", {}),
    "justification_accepted": ("decide_justification", {"accepted": True}),
    "justification_refused": ("decide_justification", {"accepted": False}),
    "paused": ("pause", {}),
    "resumed": ("resume", {}),
    "flagged": ("flag", {}),
    "unflagged": ("unflag", {}),
    "sponsored": ("sponsor", {}),
    "referred": ("refer", {}),
    "received": ("receive", {}),
    "replied": ("reply", {}),
    "rated": ("rate", {}),
    "completed": ("complete", {}),
    "verified": ("verify", {"passed": True}),
    "sent_back": ("verify", {"passed": False}),
    "checked": ("check", {}),
    "struck_off": ("strike_off", {}),
    "step_taken": ("take_step", {}),
    "step_waived": ("waive_step", {}),
    "looked_back": ("look_back", {}),
    "reopened": ("reopen", {}),
    "registered": ("register", {}),
    "attached": ("attach", {}),
    "opened": ("open", {}),
    "passed_on": ("pass_on", {}),
    "reading_taken": ("take_reading", {}),
}
#: What comes in from outside in the engine's name; everything else in its name follows from the pack.
_TAKEN_IN: Final = frozenset({"registered", "attached", "opened", "passed_on"})


class HistoryError(DubanError):
    """A history that cannot be read; says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event, and the problem as it stood after it."""

    event: Event
    record: AnyRecord


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that people did, as a command again; ``by_lead``: by the unit that led the problem then."""

    at: datetime
    message: Message[Command]
    by_lead: bool


@dataclass(slots=True)
class Facts:
    """What people did, in order; ``left_out`` counts by kind what was not theirs, or means nothing under a new pack."""

    facts: list[Fact] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def ordered(steps: Iterable[Step], jurisdiction: str) -> list[Step]:
    """The steps of one city in the order of time, each once.

    Within a problem the versions are the order; an instant that lies before that of the version before it (brokers
    change, and their clocks with them) counts as that one.
    """
    by_version = {
        (step.event.problem_id, step.event.version): step for step in steps if step.record.jurisdiction == jurisdiction
    }
    latest: dict[UUID, datetime] = {}
    placed: list[tuple[datetime, UUID, int]] = []
    for problem_id, version in sorted(by_version):
        at = by_version[problem_id, version].event.at
        latest[problem_id] = max(at, latest.get(problem_id, at))
        placed.append((latest[problem_id], problem_id, version))
    return [by_version[problem_id, version] for _, problem_id, version in sorted(placed)]


def folded(events: Iterable[Event], library: Library) -> Iterator[Step]:
    """The steps of bare events, each problem folded under the pack it lived under; its versions come in order.

    Raises:
        HistoryError: a pack of the history is not in ``library``.
    """
    held: dict[UUID, AnyRecord] = {}
    for event in events:
        before = held.get(event.problem_id)
        ref = before.pack if before else getattr(event.change, "pack", "?")
        rules = library.rules(ref)
        if rules is None:
            raise HistoryError(f"the pack {ref} of this history is not published; publish it with its calendar")
        record = held[event.problem_id] = after(before, event, rules)
        yield Step(event, record)


def facts_of(steps: Iterable[Step]) -> Facts:
    """What people did in ``steps``, which come in order; of the events of one command only the first is theirs."""
    facts, records, commands = Facts(), dict[UUID, AnyRecord](), dict[UUID, str]()
    for step in steps:
        event, kind = step.event, step.event.change.kind
        before = records.get(event.problem_id)
        records[event.problem_id] = step.record
        again = commands.get(event.problem_id) == event.command
        commands[event.problem_id] = event.command
        if again:
            _amend(facts, event)
        elif kind in _BEHIND and (event.actor.unit != ENGINE or _came_in(event)):
            by_lead = before is not None and event.actor.unit == before.holder
            facts.facts.append(Fact(event.at, _message(step, by_lead=by_lead), by_lead))
        else:
            facts.left_out[kind] += 1
    return facts


def _came_in(event: Event) -> bool:
    """Whether it came from outside in the engine's name: what a measure opens, the new pack opens by itself, or not."""
    cause = getattr(event.change, "cause", None)
    return event.change.kind in _TAKEN_IN and (cause is None or event.actor.person == "draw")


def _amend(facts: Facts, event: Event) -> None:
    """A look-back that found the problem again says so only by the event that follows it."""
    facts.left_out[event.change.kind] += 1
    if event.change.kind == "rebounded" and facts.facts:
        last = facts.facts[-1]
        data = struct.replace(last.message.data, rebound=True)
        facts.facts[-1] = Fact(last.at, struct.replace(last.message, data=data), last.by_lead)


def _message(step: Step, *, by_lead: bool) -> Message[Command]:
    event, change = step.event, step.event.change
    name, fixed = _BEHIND[change.kind]
    if isinstance(change, c.Opened) and change.due_on is not None:
        name, fixed = "pledge", {"promise": change.title}
    if isinstance(change, c.Planned) and not by_lead:
        name, fixed = "decide_plan", {"approved": True}  # the office approved what the unit had proposed
    model = COMMANDS[f"duban.command.{name}"]
    fields = {name: getattr(change, name) for name in model.__struct_fields__ if hasattr(change, name)}
    data = model(**{**fields, **fixed, "actor": event.actor, "reason": event.reason})
    subject = str(event.problem_id)
    return Message(event.command, SOURCE, subject, event.at, step.record.jurisdiction, subject, data)
