"""The real history under another pack: what people did is kept, what the engine did is decided anew. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from duban.messages import struct
from duban.messages.commands import ENGINE, Actor, Command
from duban.messages.envelope import Message
from duban.policy import Rules
from duban_router.domain.permission import PERMITTED, unpermitted
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures, Lapse
from duban_simulation.history import Fact, Step, facts_of

#: Who may act in the name of the office: under another pack that is another unit.
_OFFICIAL: Final = frozenset({"office", "desk", "decider", "acceptor"})


@dataclass(frozen=True, slots=True)
class Divergence:
    """A problem whose lapses differ: those of the history, and those under the new pack."""

    problem_id: UUID
    number: str
    before: tuple[Lapse, ...]
    after: tuple[Lapse, ...]

    @property
    def what(self) -> str:
        """``lapses`` anew, lapses ``no_longer``, or lapses ``otherwise``: elsewhere in time, or in another duty."""
        return "lapses" if not self.before else "no_longer" if not self.after else "otherwise"

    def json(self) -> dict[str, Any]:
        """By name, with every lapse on either side."""
        sides = {"before": self.before, "after": self.after}
        lists = {
            side: [{"obligation": lapse.name, "at": lapse.at, "owner": lapse.owner} for lapse in lapses]
            for side, lapses in sides.items()
        }
        return {"what": self.what, "problem": self.problem_id, "number": self.number, **lists}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A history, ``before``, and the same facts under another pack, ``after``.

    ``moved`` counts the acts of a lead unit that fall to another lead now, by the two units; ``left_out`` what was
    not carried over, by kind.
    """

    before: Figures
    after: Figures
    moved: Counter[tuple[str, str]]
    left_out: Counter[str]

    @property
    def changes(self) -> list[Divergence]:
        """The problems that lapse otherwise than they did, by their number."""
        changes = []
        for problem_id in {**self.before.lapses, **self.after.lapses}:
            was, is_ = (tuple(side.lapses.get(problem_id, ())) for side in (self.before, self.after))
            if _when(was) != _when(is_):
                known = self.before.records.get(problem_id) or self.after.records[problem_id]
                changes.append(Divergence(problem_id, known.number, was, is_))
        return sorted(changes, key=lambda change: (change.number, change.problem_id))

    def json(self) -> dict[str, Any]:
        """Both sides' figures, and every change."""
        moved = [{"from": was, "to": is_, "acts": acts} for (was, is_), acts in sorted(self.moved.items())]
        return {
            "before": self.before.json(),
            "after": self.after.json(),
            "changes": [change.json() for change in self.changes],
            "acts_moved_to_another_lead": moved,
            "left_out": dict(sorted(self.left_out.items())),
        }


def _when(lapses: tuple[Lapse, ...]) -> list[tuple[str, datetime]]:
    return sorted((lapse.name, lapse.at) for lapse in lapses)


def replay(steps: Sequence[Step], rules: Rules, until: datetime, on_step: Callable[[], None]) -> Comparison:
    """Play the facts of ``steps`` under ``rules`` up to ``until``; ``on_step`` is called after each event and fact."""
    before = Figures()
    for step in steps:
        before.happened(before.records.get(step.event.problem_id), step.event, step.record)
        on_step()
    history, after, moved = facts_of(steps), Figures(rules), Counter[tuple[str, str]]()
    engine = Engine(rules, [after])
    for fact in history.facts:
        engine.run(fact.at)
        engine.send(_cast(fact, engine, moved))
        on_step()
    engine.finish(until)
    return Comparison(before, after, moved, history.left_out)


def _cast(fact: Fact, engine: Engine, moved: Counter[tuple[str, str]]) -> Message[Command]:
    """The command of a fact, from whoever holds the part under the new pack: its lead unit, its office."""
    message, actor = fact.message, fact.message.data.actor
    roles, record = PERMITTED[type(message.data)], engine.records.get(UUID(message.subject))
    unit = actor.unit
    if fact.by_lead and not roles.isdisjoint({"lead", "owner"}):
        unit = (record.holder if record else None) or unit
        if unit != actor.unit:
            moved[actor.unit, unit] += 1
    elif actor.unit != ENGINE and roles <= _OFFICIAL and unpermitted(record, message.data, engine.rules) is not None:
        unit = engine.rules.pack.office
    if unit == actor.unit:
        return message
    data = struct.replace(message.data, actor=Actor(unit=unit, person=actor.person))
    return struct.replace(message, data=data)
