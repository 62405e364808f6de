"""What is due after an event, evaluated only where the event can have moved it, against the whole evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.calendar import Counting, Within
from duban.deadlines import due
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.records import AnyRecord, Deadline, Justification, Listing, Problem, Reward
from duban.messages.struct import from_data
from duban.moves import MOVES
from duban.policy import PolicyPack, Rules, load_calendar, load_pack
from duban.policy.model.duty import Every
from duban.policy.model.ladder import Obligation
from duban.policy.model.lifecycle import Extension
from duban_router.domain.decision import Decided, decide
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Audience, RepliesOwed
from tests.given import CODE, ROOT, SEAL, SMALL, Case, entries, report

HOTLINE: Final = ROOT / "tests/data/packs/hotline.yaml"
PACKS: Final = [*sorted((ROOT / "deploy/packs").glob("*.yaml")), ROOT / "docs/example-pack.yaml", SMALL, HOTLINE]
BEGINS_AT: Final = datetime(
    2024, 9, 25, 1, tzinfo=UTC
)  # the days off of October lie before it, and the next year's end
WHY: Final = {"reason": "for a reason"}

T = TypeVar("T")

#: A command, who sends it, and what it says.
Move = tuple[type[do.Command], str, dict[str, Any]]


@cache
def rules_of(file: Path) -> Rules:
    pack = load_pack(file.read_text("utf-8"), file.name)
    calendar = ROOT / "deploy/calendars" / f"{pack.time.calendar}.yaml"
    return Rules.compile(pack, load_calendar(calendar.read_text("utf-8"), calendar.name))


@cache
def waiting_rules() -> Rules:
    """The small pack, in which the ladders of most obligations wait while more time is asked for."""
    rules = rules_of(SMALL)
    extension = Extension(
        obligations=("acknowledge", "rectify", "progress", "part"), by=Within(days=3), at_most=9, while_asked="waits",
        basis="practice",
    )  # fmt: skip
    return Rules(rules.pack.model_copy(update={"extension": extension}), rules.calendar)


@cache
def stepped_rules() -> Rules:
    """The small pack, where anybody takes any step, and most clocks run since one or are met by one."""
    rules = rules_of(SMALL)
    anybody = {"by": tuple(unit.id for unit in rules.pack.units), "waived_by": ("@office",), "statuses": ()}
    steps = tuple(step.model_copy(update={**anybody, "categories": ()}) for step in rules.pack.steps)
    waits: dict[str, dict[str, list[str]]] = {
        "acknowledge": {"met_by": ["step_taken:sample"]},
        "rectify": {"since": ["registered", "step_taken:visit", "reopened"], "met_by": ["step_taken:result"]},
        "progress": {"since": ["acknowledged", "step_taken"], "met_by": ["step_taken:visit", "reviewed"]},
        "part": {"since": ["dispatched", "step_taken:sample"], "met_by": ["step_waived:result"]},
    }
    obligations = (
        Obligation.model_validate({**known.model_dump(), **waits.get(known.id, {})}) for known in rules.pack.obligations
    )
    pack = rules.pack.model_copy(update={"steps": steps, "obligations": tuple(obligations)})
    return Rules(pack, rules.calendar)


@cache
def signed_rules() -> Rules:
    """The small pack, in which every sign is seen, sets clocks going, meets what is owed, and sets off a measure."""
    rules = rules_of(SMALL)
    who = {"title": {"en": "A sign"}, "basis": "practice"}
    watched = [known.id for known in rules.pack.obligations]
    signs = [
        {"id": "rushed", "kind": "last_moment", "obligations": watched, **who},
        {"id": "copied", "kind": "copied_note", **who},
        {"id": "soon", "kind": "taken_up_again", "within": {"days": 3}, **who},
    ]
    waits: dict[str, dict[str, list[str]]] = {
        "rectify": {"since": ["registered", "sign_seen:soon", "reopened"]},
        "progress": {"since": ["acknowledged", "progressed", "sign_seen"]},
        "part": {"since": ["acknowledged"], "met_by": ["sign_seen:copied"]},
    }
    obligations = [{**known.model_dump(), **waits.get(known.id, {})} for known in rules.pack.obligations]
    of = {"measure": "listing", "to": ["@owner"], "basis": "practice"}
    triggers = [{"id": "often", "on": "sign_seen:rushed", "times": 2, "within": {"days": 9}, "per": "unit", **of}]
    whole = {**rules.pack.model_dump(exclude_none=True), "signs": signs, "obligations": obligations}
    return Rules(PolicyPack.model_validate({**whole, "triggers": triggers}), rules.calendar)


class Life:
    """One record under the rules of a pack, moved on by numbers that hypothesis draws.

    Lives that count together have the same ``precedents``.
    """

    def __init__(self, rules: Rules, name: str = "life", precedents: list[Precedent] | None = None) -> None:
        self.rules, self.pack, self.now = rules, rules.pack, BEGINS_AT
        self.id = derived_id(name)
        self.record: AnyRecord | None = None
        self.serial = 0
        self.replies_owed = RepliesOwed(audiences={self.id: Audience()})
        self.precedents = [] if precedents is None else precedents

    def send(self, command: type[do.Command], unit: str, details: dict[str, Any]) -> None:
        """Have a command decided; after each event of it the deadlines are those of the whole evaluation."""
        self.serial += 1
        data = from_data({"actor": {"unit": unit}, **details}, command)
        id_ = str(self.id)
        message = Message(f"command {self.serial}", "tests", id_, self.now, self.pack.jurisdiction, id_, data)
        addressee = self.replies_owed.addressee(self.id, data)
        outcome = decide(self.record, message, self.rules, self.now, 0, addressee, self.counted)
        if isinstance(outcome, Decided):
            self.precedents += outcome.precedents
            for event, record in outcome.steps:
                self.replies_owed.take(event)
                assert record.deadlines == due(record, self.rules), f"after {event.change}"
            self.record = outcome.record
            self.happened(outcome)

    def counted(self, under: Count) -> list[Precedent]:
        """What counts already."""
        return [precedent for precedent in self.precedents if precedent.under == under]

    def happened(self, outcome: Decided) -> None:
        """What came of a command; for those who look more closely."""

    def begin(self, number: int) -> None:
        """A problem mostly; else a duty, an entry on a list, or a reward, where the pack knows one."""
        cause = {"problem_id": str(derived_id("problem")), "number": "1", "version": 2, "pack": self.pack.ref}
        unit = self.unit(number)
        opened = [duty.id for duty in self.pack.duties if duty.schedule.every is not Every.PLEDGED]
        duties = [{"duty": id_, "unit": unit, "opens_at": self.now} for id_ in opened]
        lists = [{"list": rule.id, "of": unit, "ground": rule.grounds[0].id} for rule in self.pack.lists]
        rewards = [{"reward": rule.id, "worker": "Li"} for rule in self.pack.rewards]
        ways: list[Move] = [
            (command, do.ENGINE, {**entry, "cause": cause})
            for command, entries in ((do.Open, duties), (do.PutOnList, lists), (do.Reward, rewards))
            for entry in entries
        ]
        registers: Move = (do.Register, do.ENGINE, {"filed": self.filed(number)})
        self.send(*_one([registers] * (3 * len(ways) + 1) + ways, number))

    def filed(self, number: int) -> dict[str, Any]:
        pack, areas = self.pack, [area.id for area in self.pack.areas]
        report = {
            "jurisdiction": pack.jurisdiction, "title": "foul water", "channel": _one(pack.channels, number).id,
            "category": _one(pack.categories, number // 7).id, "area": _one(areas, number // 3) if areas else None,
            "matter": _one([None, *self.rules.matters], number // 11), "enterprise": "Acme",
        }  # fmt: skip
        return {"source": "tests", "id": str(self.serial), "received_at": self.now, "report": report}

    def move(self, number: int, seconds: int) -> None:
        """Whatever is legal now, one way or another; or a deadline comes, or has come and gone unnoticed."""
        record = self.record
        assert record is not None
        if number % 4 == 0 and record.deadlines:
            deadline = record.deadlines[number // 4 % min(2, len(record.deadlines))]
            self.now = max(self.now, deadline.due_at)
            fields = {name: getattr(deadline, name) for name in ("obligation", "part", "generation", "level", "due_at")}
            self.send(do.Escalate, do.ENGINE, fields)
            return
        self.now += timedelta(seconds=seconds)
        moves = MOVES[record.kind]
        legal = [event for event in WAYS for _ in range(OFTEN.get(event, 1)) if (record.status, event) in moves]
        if legal:
            for command, unit, details in WAYS[_one(legal, number // 4)](self, record, number // 128):
                self.send(command, unit, details)

    def unit(self, number: int) -> str:
        return _one(self.pack.units, number).id

    def signer(self, by: tuple[str, ...], number: int) -> str:
        """A unit that is among ``by``, and has not handled the problem if that can be."""
        known = [unit.id for unit in self.pack.units if {unit.id, *unit.roles} & set(by)]
        known += [self.pack.office] if "@office" in by else []
        handled = self.record.lead_unit if isinstance(self.record, Problem) else None
        return _one([unit for unit in known if unit != handled] or [self.pack.office], number)


def _one(entries: Sequence[T], number: int) -> T:
    return entries[number % len(entries)]


Ways = Callable[[Life, Any, int], Iterable[Move]]


def _by_lead(command: type[do.Command], **details: Any) -> Ways:
    return lambda life, record, number: [(command, record.holder or life.pack.office, details)]


def _by_office(command: type[do.Command], **details: Any) -> Ways:
    return lambda life, record, number: [(command, life.pack.office, details)]


def _dispatch(life: Life, _: Problem, number: int) -> Iterable[Move]:
    co = [life.unit(number // 5), life.unit(number // 11)][: number % 3]
    return [(do.Dispatch, life.pack.office, {"lead_unit": life.unit(number), "co_units": co})]


def _plan(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    kinds, days = list(do.Rectification), [life.now + timedelta(days=3 + number % 40 + step) for step in range(4)]
    stages = [{"title": f"stage {step}", "due_at": at} for step, at in enumerate(days)]
    plan = {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": days[3],
            "rectification": _one(kinds, number), "milestones": stages[: number % 4]}  # fmt: skip
    return [(do.Plan, problem.holder or life.pack.office, {"plan": plan, **WHY}),
            (do.DecidePlan, life.pack.office, {"approved": number % 3 > 0})]  # fmt: skip


def _classify(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    of = {"category": _one(life.pack.categories, number).id}
    if life.pack.matters:
        of["matter"] = _one(life.pack.matters, number // 3).id
    return [(do.Classify, life.pack.office, {**of, **WHY})]


def _progress(life: Life, record: Any, number: int) -> Iterable[Move]:
    note = _one(("half done", "Half  done", "all but done", "\u200ball but done", f"done {number}"), number)
    return [(do.Progress, record.holder or life.pack.office, {"note": note, "evidence": [SEAL]})]


def _parts(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    return [(do.FinishPart, unit, {}) for unit in problem.co_units[: 1 + number % 2]]


def _extension(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    rule, length = life.pack.extension, {"length": 1 + number % 2} if number % 3 else {}
    asked = {"obligation": _one(rule.obligations, number) if rule else "none", "clause": "art. 8", **length, **WHY}
    decided: Move = (do.DecideExtension, life.pack.office, {"granted": number % 4 > 0})
    return [(do.AskExtension, problem.holder or life.pack.office, asked), *([decided] if number % 5 > 1 else [])]


def _defer(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    second = [one.id for one in life.pack.obligations if one.otherwise is not None and one.otherwise.deferred]
    return [(do.Defer, life.pack.office, {"obligation": _one(second or ["none"], number), **WHY})]


def _justify(life: Life, record: AnyRecord, number: int) -> Iterable[Move]:
    owing = [deadline for deadline in record.deadlines if deadline.owner is not None]
    if not owing:
        return []
    late = _one(owing, number)
    filed: Move = (do.Justify, late.owner or "", {"obligation": late.obligation, "evidence": [SEAL], **WHY})
    return [filed, _word_on(late, life, number)] if number % 4 else [filed]


def _decide_justification(life: Life, record: AnyRecord, number: int) -> Iterable[Move]:
    return [_word_on(filed, life, number) for filed in record.justifications if filed.accepted is None][:1]


def _word_on(late: Deadline | Justification, life: Life, number: int) -> Move:
    by = life.signer(life.pack.justification.accepted_by if life.pack.justification else ("@office",), number)
    details = {"obligation": late.obligation, "part": late.part, "accepted": number % 3 > 0, **WHY}
    return do.DecideJustification, by, details


def _pause(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    grounds = life.pack.pause.grounds if life.pack.pause else ("none",)
    return [(do.Pause, life.pack.office, {"ground": _one(grounds, number), **WHY})]


def _flag(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    if not life.pack.flags:
        return []
    co = [life.unit(number)] if number % 2 else []
    return [(do.Flag, life.pack.office, {"flag": _one(life.pack.flags, number // 2).id, "co_units": co})]


def _unflag(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    return [(do.Unflag, life.pack.office, {"flag": flag, **WHY}) for flag in problem.flags[:1]]


def _receive(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    return [(do.Receive, body, {}) for body, referral in problem.referrals.items() if referral.received is None][:1]


def _complete(life: Life, record: Any, number: int) -> Iterable[Move]:
    closing = life.pack.closing
    items = [closing.items[0].code] if closing.items else []
    done = {"outcome": _one(closing.outcomes, number), "evidence": [SEAL], "items": items}
    parts: list[Move] = [(do.FinishPart, unit, {}) for unit in getattr(record, "co_units", ())]
    return [*parts, (do.Complete, record.holder or life.pack.office, done)]


def _strike_off(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    checks = life.pack.gate.checks if life.pack.gate else ()
    signed: list[Move] = [
        (do.Check, life.signer(check.by, number), {"check": check.id, "evidence": [SEAL]}) for check in checks
    ]
    verified: Move = (do.Verify, life.signer((life.pack.office,), 0), {"passed": True})
    return [verified, *signed[: len(signed) - (number % 5 == 0)], (do.StrikeOff, life.pack.office, {})]


def _look_back(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    by = life.pack.look_back.by if life.pack.look_back else ()
    good = {"truthful": True, "timely": True, "effective": number % 3 > 0, "rebound": number % 2 > 0}
    return [(do.LookBack, life.signer(by, number), {**good, **WHY})]


def _take_step(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    if not life.pack.steps:
        return []
    step = _one(life.pack.steps, number)
    unit = (problem.holder if "@lead" in step.by else None) or life.signer(step.by, number)
    fields = {field.id: _one(field.choices or ("the weir",), number) for field in step.fields if field.required}
    return [(do.TakeStep, unit, {"step": step.id, "fields": fields, "evidence": [SEAL]})]


def _waive_step(life: Life, _: Problem, number: int) -> Iterable[Move]:
    steps = life.pack.steps
    return [(do.WaiveStep, life.pack.office, {"step": _one(steps, number).id, **WHY})] if steps else []


def _approve(life: Life, record: AnyRecord, number: int) -> Iterable[Move]:
    held = [(version, life.rules.measures[waiting.measure].approval or "") for version, waiting in
            record.awaiting_approval.items()]  # fmt: skip
    return [
        (do.Withhold if number % 3 == 0 else do.Approve, unit, {"version": version, **WHY}) for version, unit in held
    ]


def _reply(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    rule = _one(life.pack.replies, number // 2) if life.pack.replies else None
    signature = {"person": "Li", "at": life.now}
    named = {"reply": rule.id, "form": rule.forms[0].id if rule.forms else None, "signature": signature} if rule else {}
    unit = problem.holder or life.pack.office
    each = [(do.Reply, unit, {"source": "tests", "id": str(serial), "text": "done", **named})
            for serial in range(life.serial + 1)]  # fmt: skip
    return each if number % 2 else each[:1]


def _rate(life: Life, problem: Problem, number: int) -> Iterable[Move]:
    ground = {"ground": _one(life.pack.ratings, number).id} if life.pack.ratings and number % 3 else {}
    return [(do.Rate, life.pack.office, {"satisfied": not ground, **ground, **WHY})]


def _appeal(life: Life, listing: Listing, number: int) -> Iterable[Move]:
    appeal = life.rules.lists[listing.list].appeal
    to = appeal.to if appeal else listing.keeper
    decided: Move = (do.DecideAppeal, to, {"upheld": number % 3 == 0, **WHY})
    return [(do.Appeal, to, {"text": "not us"}), *([decided] if number % 2 else [])]


def _award(life: Life, reward: Reward, number: int) -> Iterable[Move]:
    return [(do.Award, reward.holder, {"amount": life.rules.rewards[reward.reward].at_least})]


#: How the events come about that people bring about.
WAYS: Final[dict[str, Ways]] = {
    "attached": lambda life, _, number: [(do.Attach, do.ENGINE, {"filed": life.filed(number)})],
    "dispatched": _dispatch,
    "rejected": _by_office(do.Reject, **WHY),
    "classified": _classify,
    "acknowledged": _by_lead(do.Acknowledge),
    "handed_back": _by_lead(do.HandBack, clause="art. 2", evidence=[SEAL], **WHY),
    "planned": _plan,
    "milestone_reached": _by_lead(do.ReachMilestone),
    "reviewed": _by_office(do.Review),
    "progressed": _progress,
    "part_finished": _parts,
    "extended": _extension,
    "extension_denied": _by_office(do.DecideExtension, granted=False),
    "deferred": _defer,
    "justification_filed": _justify,
    "justification_accepted": _decide_justification,
    "paused": _pause,
    "resumed": _by_office(do.Resume),
    "flagged": _flag,
    "unflagged": _unflag,
    "sponsored": lambda life, _, number: [(do.Sponsor, life.pack.office, {"sponsor": life.unit(number)})],
    "referred": lambda life, _, number: [
        (do.Refer, life.pack.office, {"to": life.unit(number), "evidence": [SEAL]}),
    ],
    "received": _receive,
    "completed": _complete,
    "sent_back": _by_office(do.Verify, passed=False, **WHY),
    "struck_off": _strike_off,
    "step_taken": _take_step,
    "step_waived": _waive_step,
    "looked_back": _look_back,
    "reopened": _by_office(do.Reopen, **WHY),
    "replied": _reply,
    "rated": _rate,
    "approved": _approve,
    "recomputed": _by_office(do.Recompute, calendar="cn", version=1),
    "appealed": _appeal,
    "exited": _by_lead(do.TakeOffList, evidence=[SEAL], **WHY),
    "awarded": _award,
    "collected": lambda life, reward, _: [(do.Collect, life.rules.rewards[reward.reward].pays, {"code": CODE})],
    "declined": _by_lead(do.Decline, **WHY),
}
#: What leads on comes about more often than what leads back.
OFTEN: Final = {
    "acknowledged": 12, "planned": 5, "milestone_reached": 2, "extended": 4, "justification_filed": 3, "paused": 3,
    "resumed": 9, "verified": 4, "looked_back": 4, "part_finished": 2, "flagged": 3, "attached": 2, "step_taken": 2,
    "classified": 2,
}  # fmt: skip
NUMBERS: Final = st.integers(0, 2**20)
STEPS: Final = st.lists(st.tuples(NUMBERS, st.integers(0, 5 * 86_400)), min_size=6, max_size=30)


@pytest.mark.parametrize("file", PACKS, ids=lambda file: file.stem)
@settings(max_examples=60, deadline=None)
@given(beginning=NUMBERS, steps=STEPS)
def test_what_an_event_cannot_have_moved_is_due_as_before(
    file: Path, beginning: int, steps: list[tuple[int, int]]
) -> None:
    life = Life(rules_of(file))
    life.begin(beginning)
    for number, seconds in steps if life.record is not None else ():
        life.move(number, seconds)


@settings(max_examples=120, deadline=None)
@given(steps=STEPS)
def test_what_waits_for_the_word_on_an_extension_is_due_as_in_the_whole_evaluation(
    steps: list[tuple[int, int]],
) -> None:
    life = Life(waiting_rules())
    life.begin(0)
    for number, seconds in steps:
        life.move(number, seconds)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_what_runs_since_a_step_or_waits_for_one_is_due_as_in_the_whole_evaluation(
    steps: list[tuple[int, int]],
) -> None:
    life = Life(stepped_rules())
    life.begin(0)
    for number, seconds in steps:
        life.move(number, seconds)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_what_runs_since_a_sign_or_waits_for_one_is_due_as_in_the_whole_evaluation(
    steps: list[tuple[int, int]],
) -> None:
    life = Life(signed_rules())
    life.begin(0)
    for number, seconds in steps:
        life.move(number, seconds)


# The end of a day

LEVELS: Final = [
    {"measure": "reminder", "before": {"working_days": 1}, "to": ["@owner"]},
    {"measure": "bulletin", "to": ["@owner"]},
    {"measure": "interview", "after": {"working_days": 2}, "to": ["@owner"]},
    {"measure": "explain", "after": {"hours": 124}, "to": ["water"]},
]


def within(limit: dict[str, object], counting: str = "whole_days") -> Case:
    """A problem of Wednesday, 6 April 2022, 10:00, to be acknowledged ``within`` a limit."""
    ladder = {"id": "standard", "basis": "practice", "levels": LEVELS}
    case = Case(datetime(2022, 4, 6, 2, tzinfo=UTC), ladders=[ladder, *entries("ladders")[1:]])
    pack = case.rules.pack.model_copy(
        update={"time": case.rules.pack.time.model_copy(update={"counting": Counting(counting)})}
    )
    case.rules = Rules.compile(pack, case.rules.calendar.notice)
    case.change_obligation("acknowledge", within=limit)
    case.registered(report(category="river", area="north"))
    return case


def climbed(case: Case) -> list[str]:
    """When each level of the ladder is taken, local time."""
    taken = []
    while "acknowledge" in case.deadlines:
        taken.append(f"{case.deadline('acknowledge').due_at.astimezone(ZoneInfo('Asia/Shanghai')):%d %H:%M}")
        case.lapse("acknowledge")
    return taken


def test_what_is_due_at_the_end_of_a_day_is_followed_by_what_counts_from_that_day() -> None:
    """24:00 of the 7th is 00:00 of the 8th, and the two working days after it are the 8th and the 11th all the same."""
    assert climbed(within({"at": "24:00"})) == ["06 17:00", "08 00:00", "11 17:00", "13 04:00"]


def test_counted_from_the_moment_the_end_of_a_day_is_a_moment_like_others() -> None:
    assert climbed(within({"at": "24:00"}, "elapsed")) == ["06 17:00", "08 00:00", "12 09:00", "13 04:00"]


def test_what_is_due_at_noon_counts_as_before() -> None:
    assert climbed(within({"at": "12:00"}))[1:3] == ["07 12:00", "11 17:00"]
