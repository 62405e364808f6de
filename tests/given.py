"""What the tests stand on: the small pack, and a problem that is led from command to command."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.report import Filed, Report
from duban.policy import PublishedCalendar, Rules, load_calendar, load_pack
from duban.policy.library import Library
from duban.problem import Deadline, Event, Problem, Status
from duban_router.domain import Decided, Refusal, decide

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests/data/packs/small.yaml"
LEAD_OF = {do.Reject: "office", do.Dispatch: "office", do.Verify: "office", do.StrikeOff: "office", do.Reopen: "office"}


@cache
def small_library() -> Library:
    """A library that holds the small pack and the Chinese calendar."""
    library = Library()
    library.add(load_pack(SMALL.read_text("utf-8"), SMALL.name))
    calendar = ROOT / "deploy/calendars/cn.yaml"
    library.add(PublishedCalendar(notice=load_calendar(calendar.read_text("utf-8"), calendar.name)))
    return library


def small_rules() -> Rules:
    rules = small_library().current("smallville")
    assert rules is not None
    return rules


def report(**changed: Any) -> Report:
    """A report that the small pack takes, with some fields changed."""
    fields: dict[str, Any] = {
        "jurisdiction": "smallville",
        "channel": "hotline",
        "title": "foul water",
        "category": "river",
    }
    return Report(**{**fields, **changed})


class Case:
    """One problem under the small pack, and the time it is."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.rules = small_rules()
        self.id = str(derived_id("case"))
        self.standing: Problem | None = None
        self.events: list[Event] = []
        self._serial = 0

    @classmethod
    def in_status(cls, status: Status, now: datetime) -> Case:
        case = cls(now)
        case.registered(report(category="river"))
        way: dict[Status, list[tuple[type[do.Command], str, dict[str, Any]]]] = {
            Status.DISPATCHED: [],
            Status.UNDERWAY: [(do.Acknowledge, "water", {})],
            Status.VERIFYING: [(do.Complete, "water", {"outcome": "rectified"})],
            Status.VERIFIED: [
                (do.Complete, "water", {"outcome": "rectified"}),
                (do.Verify, "office", {"passed": True}),
            ],
        }
        way[Status.STRUCK_OFF] = [*way[Status.VERIFIED], (do.StrikeOff, "office", {})]
        seal = {"uri": "file:///photo.jpg", "sha256": "0" * 64}
        back = {"reason": "not ours", "clause": "art. 2", "evidence": [seal]}
        way[Status.REGISTERED] = [(do.HandBack, "water", back)]
        way[Status.REJECTED] = [*way[Status.REGISTERED], (do.Reject, "office", {"reason": "nothing there"})]
        for command, unit, details in way[status]:
            case.done(command, unit, **details)
        assert case.problem.status is status
        return case

    def change_obligation(self, id_: str, **fields: object) -> None:
        """Play under the small pack with one obligation changed."""
        pack = self.rules.pack
        changed = tuple(one.model_copy(update=fields) if one.id == id_ else one for one in pack.obligations)
        self.rules = Rules(pack.model_copy(update={"obligations": changed}), self.rules.calendar)

    @property
    def problem(self) -> Problem:
        assert self.standing is not None
        return self.standing

    def unit_for(self, command: type[do.Command]) -> str:
        return LEAD_OF.get(command) or self.problem.lead_unit or "water"

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)

    def message(self, data: do.Command) -> Message[do.Command]:
        self._serial += 1
        return Message(f"command {self._serial}", "tests", self.id, self.now, "smallville", self.id, data)

    def register(self, filed: Report) -> Decided | Refusal:
        engine = do.Actor(unit=do.ENGINE, person="intake")
        return self.apply(
            do.Register(actor=engine, filed=Filed(source="tests", id="1", received_at=self.now, report=filed))
        )

    def registered(self, filed: Report) -> Decided:
        outcome = self.register(filed)
        assert isinstance(outcome, Decided), outcome
        return outcome

    def act(self, command: type[do.Command], unit: str, **details: Any) -> Decided | Refusal:
        return self.apply(command.model_validate({"actor": {"unit": unit}, **details}))

    def done(self, command: type[do.Command], unit: str, **details: Any) -> Decided:
        outcome = self.act(command, unit, **details)
        assert isinstance(outcome, Decided), outcome
        return outcome

    def escalate(self, deadline: Deadline) -> Decided | Refusal:
        named = {"obligation": deadline.obligation, "generation": deadline.generation, "level": deadline.level}
        return self.act(do.Escalate, do.ENGINE, due_at=deadline.due_at, **named)

    def apply(self, data: do.Command) -> Decided | Refusal:
        outcome = decide(self.standing, self.message(data), self.rules, self.now, serial=1)
        if isinstance(outcome, Decided):
            self.standing = outcome.problem
            self.events += [event for event, _ in outcome.steps]
        return outcome

    def deadline(self, obligation: str) -> Deadline:
        return next(one for one in self.problem.deadlines if one.obligation == obligation)
