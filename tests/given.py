"""What the tests stand on: the small pack, and a problem that is led from command to command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.handle import handle_of
from duban.messages.notices import Notice
from duban.messages.records import AnyRecord, Deadline, Duty, Event, Listing, Problem, Reward, in_words
from duban.messages.report import Evidence, Filed, Report
from duban.messages.struct import from_data
from duban.moves import OF_OTHERS, Kind, Status
from duban.policy import PolicyPack, PublishedCalendar, Rules, load_calendar, load_pack
from duban.policy.laws import breaches
from duban.policy.library import Library
from duban.policy.model.ladder import Obligation
from duban.refusal import Refusal
from duban_router.domain.decision import Decided, decide
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Audience, RepliesOwed

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests/data/packs/small.yaml"
OFFICE = (
    do.Reject, do.Dispatch, do.Verify, do.StrikeOff, do.Reopen, do.Review, do.Pause, do.Resume, do.Flag, do.Unflag,
    do.Classify, do.Sponsor, do.Check, do.LookBack, do.Rate, do.DecidePlan, do.DecideExtension, do.Recompute,
    do.Approve, do.PassOn,
)  # fmt: skip
#: Targets that the small pack may have.
TARGETS: Final = [
    {"id": "ammonia", "title": {"en": "Ammonia at the ferry"}, "measured_in": "mg/L", "at_most": 1.0, "lead": "water",
     "co": ["north"], "clause": "art. 19"},
    {"id": "sewage", "title": {"en": "Sewage treated"}, "measured_in": "%", "at_least": 90, "lead": "water",
     "clause": "art. 19"},
]  # fmt: skip
INTAKE = do.Actor(unit=do.ENGINE, person="intake")
#: The code that a reporter was given.
CODE = "7K3M-9XQ2-TR5A-0WZD"
#: A piece of evidence, as commands carry it.
SEAL = {"uri": "file:///photo.jpg", "sha256": "0" * 64}

_WATER, _OFFICE, _SEAL = do.Actor(unit="water"), do.Actor(unit="office"), from_data(SEAL, Evidence)
#: The commands that lead a dispatched problem of the small pack to its strike-off.
TO_STRIKE_OFF: Final = (
    do.Complete(actor=_WATER, outcome="rectified"),
    do.Verify(actor=_OFFICE, passed=True),
    do.Check(actor=_OFFICE, check="clear", evidence=(_SEAL,)),
    do.Check(actor=_OFFICE, check="satisfied", evidence=(_SEAL,)),
    do.StrikeOff(actor=_OFFICE),
)


@cache
def small_library() -> Library:
    """A library that holds the small pack and the Chinese calendar."""
    library = Library()
    library.add(load_pack(SMALL.read_text("utf-8"), SMALL.name))
    calendar = ROOT / "deploy/calendars/cn.yaml"
    library.add(PublishedCalendar(notice=load_calendar(calendar.read_text("utf-8"), calendar.name)))
    return library


def small_rules() -> Rules:
    rules = small_library().current("smallville", datetime.now(UTC))
    assert rules is not None
    return rules


def rules_with(**sections: object) -> Rules:
    """The small pack with some sections changed; it must still be whole."""
    pack = PolicyPack.model_validate({**small_rules().pack.model_dump(exclude_none=True), **sections})
    assert not list(breaches(pack))
    return Rules(pack, small_rules().calendar)


def entries(section: str, **changed: dict[str, object]) -> list[dict[str, object]]:
    """A section of the small pack with the entries named (``-`` written ``_``) changed in some fields."""
    found = [one.model_dump(exclude_none=True) for one in getattr(small_rules().pack, section)]
    return [{**one, **changed.get(one["id"].replace("-", "_"), {})} for one in found]


def report(**changed: Any) -> Report:
    """A report that the small pack takes, with some fields changed."""
    fields: dict[str, Any] = {
        "jurisdiction": "smallville",
        "channel": "hotline",
        "title": "foul water",
        "category": "river",
    }
    return from_data({**fields, **changed}, Report)


def notice(name: object, recipient: str = "water") -> Message[Notice]:
    """A notice to ``recipient`` of the problem of that name."""
    problem_id, at = derived_id("problem", name), datetime(2022, 4, 6, 2, tzinfo=UTC)
    data = Notice(
        recipient=recipient, kind=Kind.PROBLEM, event="escalated", measure="bulletin", measure_kind="bulletin", level=2,
        obligation="acknowledge", problem_id=problem_id, number="SV-1", title="河水", owner="water", lapse_at=at,
        issued_at=at, text="迟",
    )  # fmt: skip
    id_ = str(derived_id("notice", name, recipient))
    return Message(id_, "duban/escalation", str(problem_id), at, "smallville", recipient, data)


class Case:
    """One problem under the small pack (with some ``sections`` changed), and the time it is."""

    def __init__(self, now: datetime, **sections: object) -> None:
        self.now = now
        self.rules = rules_with(**sections) if sections else small_rules()
        self.id = str(derived_id("case"))
        #: What has been given out of the register, or of the budget, before.
        self.allocated = 0
        self.replies_owed = RepliesOwed(audiences={UUID(self.id): Audience()})
        #: What counts beyond the problem; cases that count together have the same.
        self.precedents: list[Precedent] = []
        self.standing: AnyRecord | None = None
        self.events: list[Event] = []
        self._serial = 0

    @classmethod
    def in_status(cls, status: Status, now: datetime, **sections: object) -> Case:
        case = cls(now, **sections)
        if status in OF_OTHERS:
            return case._of_others(status)
        case.registered(report(category="river", area="north"))
        way: dict[Status, list[tuple[type[do.Command], str, dict[str, Any]]]] = {
            Status.DISPATCHED: [],
            Status.UNDERWAY: [(do.Acknowledge, "water", {})],
            Status.VERIFYING: [(do.Complete, "water", {"outcome": "rectified"})],
            Status.VERIFIED: [
                (do.Complete, "water", {"outcome": "rectified"}),
                (do.Verify, "office", {"passed": True}),
            ],
        }
        checks = [(do.Check, "office", {"check": one, "evidence": [SEAL]}) for one in ("clear", "satisfied")]
        way[Status.PAUSED] = [*way[Status.UNDERWAY], (do.Pause, "office", {"ground": "court", "reason": "a case"})]
        way[Status.STRUCK_OFF] = [*way[Status.VERIFIED], *checks, (do.StrikeOff, "office", {})]
        back = {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}
        way[Status.REGISTERED] = [(do.HandBack, "water", back)]
        way[Status.REJECTED] = [*way[Status.REGISTERED], (do.Reject, "office", {"reason": "nothing there"})]
        for command, unit, details in way[status]:
            case.done(command, unit, **details)
        assert case.record.status is status
        return case

    def _of_others(self, status: Status) -> Case:
        """An entry on the blacklist, a reward, or a reading, in ``status``."""
        if status is Status.TAKEN:
            self.rules = rules_with(targets=TARGETS)
            reading = {"target": "ammonia", "unit": "water", "read_on": self.now.date(), "value": 0.8}
            taking = from_data({"actor": {"unit": "water"}, **reading}, do.TakeReading)
            self.id = str(taking.record_id(self.rules.pack.jurisdiction))
            self.apply(taking)
            return self
        cause = do.Cause(problem_id=derived_id("cause"), number="SV-2022-0001", version=7, pack="small@1")
        engine = {"actor": {"unit": do.ENGINE}, "cause": cause}
        answer, decision = (do.Appeal, "office", {"text": "not us"}), (do.DecideAppeal, "water", {"reason": "so it is"})
        handle = handle_of(CODE)
        way: dict[Status, list[tuple[type[do.Command], str, dict[str, Any]]]] = {
            Status.NOTICED: [],
            Status.CONTESTED: [answer],
            Status.LISTED: [answer, (*decision[:2], {"upheld": False, **decision[2]})],
            Status.DELISTED: [answer, (*decision[:2], {"upheld": True, **decision[2]})],
            Status.OWED: [],
            Status.AWARDED: [(do.Award, "office", {"amount": 3000})],
            Status.SETTLED: [(do.Decline, "office", {"reason": "an official's own duty"})],
        }
        listing = status in (Status.NOTICED, Status.CONTESTED, Status.LISTED, Status.DELISTED)
        begins = {"list": "blacklist", "of": "Acme", "ground": "repeated"} if listing else {"reward": "tip"}
        model = do.PutOnList if listing else do.Reward
        self.apply(from_data({**engine, **begins, **({} if listing else {"handle": handle})}, model))
        for command, unit, details in way[status]:
            self.done(command, unit, **details)
        assert self.record.status is status
        return self

    def change_obligation(self, id_: str, **fields: object) -> None:
        """Play under the small pack with one obligation changed."""
        pack = self.rules.pack
        changed = tuple(
            Obligation.model_validate({**one.model_dump(), **fields}) if one.id == id_ else one
            for one in pack.obligations
        )
        self.rules = Rules(pack.model_copy(update={"obligations": changed}), self.rules.calendar)

    @property
    def record(self) -> AnyRecord:
        assert self.standing is not None
        return self.standing

    @property
    def problem(self) -> Problem:
        assert isinstance(self.standing, Problem)
        return self.standing

    @property
    def duty(self) -> Duty:
        assert isinstance(self.standing, Duty)
        return self.standing

    @property
    def listing(self) -> Listing:
        assert isinstance(self.standing, Listing)
        return self.standing

    @property
    def reward(self) -> Reward:
        assert isinstance(self.standing, Reward)
        return self.standing

    def unit_for(self, command: type[do.Command]) -> str:
        """A unit that may send ``command`` to the problem as it stands."""
        if command in OFFICE:
            return "office"
        if command in (do.Collect, do.DecideAppeal):
            return "water"
        if command is do.FinishPart:
            return next(iter(self.problem.co_units if isinstance(self.standing, Problem) else ()), "north")
        absent = "office" if command in (do.Refer, do.Reply) else "water"
        return self.record.holder or absent

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)

    def message(self, data: do.Command) -> Message[do.Command]:
        self._serial += 1
        return Message(f"command {self._serial}", "tests", self.id, self.now, "smallville", self.id, data)

    def register(self, filed: Report, id_: str = "1") -> Decided | Refusal:
        return self.apply(do.Register(actor=INTAKE, filed=self._filed(filed, id_)))

    def attached(self, filed: Report, id_: str) -> Decided:
        outcome = self.apply(do.Attach(actor=INTAKE, filed=self._filed(filed, id_)))
        assert isinstance(outcome, Decided), outcome
        return outcome

    def _filed(self, filed: Report, id_: str) -> Filed:
        return Filed(source="tests", id=id_, received_at=self.now, report=filed)

    def registered(self, filed: Report) -> Decided:
        outcome = self.register(filed)
        assert isinstance(outcome, Decided), outcome
        return outcome

    def act(self, command: type[do.Command], unit: str, /, **details: Any) -> Decided | Refusal:
        return self.apply(from_data({"actor": {"unit": unit}, **details}, command))

    def done(self, command: type[do.Command], unit: str, /, **details: Any) -> Decided:
        outcome = self.act(command, unit, **details)
        assert isinstance(outcome, Decided), outcome
        return outcome

    def escalate(self, deadline: Deadline) -> Decided | Refusal:
        named = {name: getattr(deadline, name) for name in ("obligation", "part", "generation", "level", "due_at")}
        return self.act(do.Escalate, do.ENGINE, **named)

    def lapse(self, obligation: str) -> Decided:
        """Let the next deadline of ``obligation`` come, and take what its ladder says."""
        deadline = self.deadline(obligation)
        self.now = max(self.now, deadline.due_at)
        outcome = self.escalate(deadline)
        assert isinstance(outcome, Decided), outcome
        return outcome

    def signed(self) -> Case:
        """With every check of the gate signed."""
        for check in self.rules.pack.gate.checks if self.rules.pack.gate else ():
            self.done(do.Check, "office", check=check.id, evidence=[SEAL])
        return self

    def apply(self, data: do.Command) -> Decided | Refusal:
        message = self.message(data)
        addressee = self.replies_owed.addressee(UUID(self.id), data)
        outcome = decide(self.standing, message, self.rules, self.now, self.allocated, addressee, self._counted)
        if isinstance(outcome, Decided):
            self.precedents += outcome.precedents
            self.standing = outcome.record
            for event, _ in outcome.steps:
                self.events.append(event)
                self.replies_owed.take(event)
        return outcome

    def _counted(self, under: Count) -> list[Precedent]:
        return [precedent for precedent in self.precedents if precedent.under == under]

    def deadline(self, obligation: str) -> Deadline:
        return self.deadlines[obligation]

    @property
    def deadlines(self) -> dict[str, Deadline]:
        return {in_words(one.obligation, one.part): one for one in self.record.deadlines}


def lapses_of(record: AnyRecord) -> dict[str, int]:
    """How often each obligation has lapsed in it, those that have."""
    return {in_words(climb.obligation, climb.part): climb.lapses for climb in record.climbs if climb.lapses}


def problem_of(record: AnyRecord) -> Problem:
    """The record, which is a problem."""
    assert isinstance(record, Problem)
    return record


def ledger_event(event: Event, record: AnyRecord, hash_: str = GENESIS) -> LedgerEvent:
    """The event as the topic tells it, with the record under the name of its kind."""
    return from_data({"event": event, "hash": hash_, record.kind.value: record}, LedgerEvent)
