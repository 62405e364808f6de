"""A city on virtual time: the engine's own pure code, a clock that moves when told to, and words to tell a timeline in.

city = City.of("mianyang-2022", at="2022-04-06 09:00")
dust = city.report("construction-dust", "工地未覆盖", area="fucheng")
city.advance(working_days=1)
expect(dust, status="dispatched", escalated=("bulletin",))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from duban.calendar import Within
from duban.clock import DrivenClock
from duban.duties import Opening, openings
from duban.messages.changes import Escalated, Measured, Reminded
from duban.messages.commands import COMMANDS, ENGINE, Actor, Command, Open
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, decode
from duban.messages.events import PROBLEMS, ProblemEvent, Refused
from duban.messages.problem import Event, Problem
from duban.messages.report import Location, Report
from duban.moves import OPEN, Kind
from duban.policy import PublishedCalendar, Rules, load_calendar, load_pack
from duban.policy.library import Library
from duban_escalation.domain import Armed, Position, armed, escalate
from duban_escalation.records import opened_because
from duban_intake.domain import Arrival, Neighbourhood, Outcome, Receipt, command, other_body, submitted, take
from duban_intake.nearness import Place
from duban_router.handlers import CommandHandler
from duban_router.memory import MemoryLedger

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
T = TypeVar("T")


@dataclass
class Case:
    """One report of the timeline and the problem that it opened; ``refusals`` are the codes of commands refused."""

    id: UUID
    receipt: Receipt
    problem: Problem | None = None
    events: list[Event] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def measures(self) -> list[Escalated | Reminded]:
        """Every measure that was taken, in order."""
        return [event.change for event in self.events if isinstance(event.change, Escalated | Reminded)]

    @property
    def taken_after_lapse(self) -> list[Escalated]:
        """The measures that followed a lapse, in order."""
        return [change for change in self.measures if isinstance(change, Escalated)]

    @property
    def escalated(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(change.measure for change in self.taken_after_lapse)

    @property
    def reminded(self) -> tuple[str, ...]:
        """The obligations that were reminded of before they lapsed, in order."""
        return tuple(change.obligation for change in self.measures if isinstance(change, Reminded))

    @property
    def lapsed(self) -> set[str]:
        """The obligations that were not met in time."""
        return set(self.problem.lapses) if self.problem else set()


class City:
    """A city under one pack: intake, router and escalation on a clock that stands still between two calls.

    A deadline fires at exactly its instant; what is done before it, or at that very instant, comes first.
    """

    def __init__(self, rules: Rules, begins_at: datetime) -> None:
        self.rules = rules
        self._clock = DrivenClock(begins_at)
        self._library = Library()
        self._library.add(rules.pack)
        self._library.add(PublishedCalendar(notice=rules.calendar.notice))
        self._router = CommandHandler(MemoryLedger(), self._library, self._clock)
        self._receipts: dict[UUID, Receipt] = {}
        self._places: dict[UUID, Place] = {}
        self._waiting: list[tuple[Position, int, Armed]] = []
        self._turn = count()
        self.cases: defaultdict[UUID, list[Case]] = defaultdict(list)
        self._duties: defaultdict[tuple[str, str], list[Case]] = defaultdict(list)
        self._opened: defaultdict[UUID, list[Case]] = defaultdict(list)

    @classmethod
    def of(cls, pack: str, at: str) -> City:
        """The city of ``deploy/packs/<pack>.yaml``, where the local time is ``at``."""
        rules = rules_of(pack)
        return cls(rules, datetime.fromisoformat(at).replace(tzinfo=rules.zone).astimezone(UTC))

    @property
    def now(self) -> datetime:
        """What the clock shows, in the local time of the city."""
        return self._clock.now().astimezone(self.rules.zone)

    # What people do

    def report(
        self, category: str | None, title: str, *, report_id: str = "", at: Sequence[float] = (), **said: Any
    ) -> Case:
        """Somebody reports something at the place ``at`` (latitude, longitude)."""
        where = Location(latitude=at[0], longitude=at[1]) if at else None
        fields = {"jurisdiction": self.rules.pack.jurisdiction, "channel": self.rules.pack.channels[0].id, **said}
        report = Report(category=category, title=title, location=where, **fields)
        return self.submit(submitted("timeline", report_id or f"report {next(self._turn)}", report, self._clock.now()))

    def submit(self, message: Message[Report]) -> Case:
        """Take a report as intake does: once by its source and id, refused, attached or registered."""
        arrival = Arrival.of(message, message.time)
        first = self._receipts.get(arrival.key)
        if first is not None:
            refusal = other_body(arrival, first)
            if refusal is None:
                return Case(first.problem_id or arrival.key, first)
            refused = replace(first, digest=arrival.digest, outcome=Outcome.REFUSED, code=refusal.code)
            return Case(arrival.key, refused, refusals=[refusal.code])
        around = Neighbourhood(self._places.values())
        receipt = take(arrival, self._library, around)
        self._receipts[arrival.key] = receipt
        self._places |= around.changed
        case = Case(receipt.problem_id or arrival.key, receipt, refusals=[receipt.code] if receipt.code else [])
        if (registers := command(receipt, message.data)) is not None:
            self.cases[case.id].append(case)
            self.send(registers)
        return case

    def act(self, case: Case, action: str, by: str, **details: Any) -> Case:
        """A unit acts on the problem, and the router grants it."""
        answer = self.send(self._command(case, action, by, details))
        assert not isinstance(answer, Refused), f"{action} by {by} was refused: {answer.reason}"
        return case

    def refuses(self, case: Case, action: str, by: str, because: str, **details: Any) -> None:
        """A unit wants to act on the problem, and the router refuses with the code ``because``; nothing changes."""
        before = case.problem
        answer = self.send(self._command(case, action, by, details))
        assert isinstance(answer, Refused), f"{action} by {by} was granted"
        assert (answer.code, case.problem) == (because, before), answer.reason

    def _command(self, case: Case, action: str, by: str, details: dict[str, Any]) -> Message[Command]:
        data = COMMANDS[f"duban.command.{action}"].model_validate({"actor": {"unit": by}, **details})
        id_, subject = f"command {next(self._turn)}", str(case.id)
        return Message(id_, "timeline", subject, self._clock.now(), self.rules.pack.jurisdiction, subject, data)

    # What time does

    def advance(self, *, to: str = "", **within: Any) -> None:
        """Let time pass ``to`` a local time, or by a duration as packs write it: ``working_days=3``, ``hours=2``."""
        now = self._clock.now()
        if to:
            until = datetime.fromisoformat(to).replace(tzinfo=self.rules.zone).astimezone(UTC)
        else:
            until = self.rules.calendar.add(now, Within(**within))
        assert until >= now, f"time does not run back from {self.now} to {until.astimezone(self.rules.zone)}"
        self.run(until)
        self._lapse(until)

    def run(self, to: datetime) -> None:
        """Let time pass up to an instant, opening duties; what falls due at that very instant may still be met."""
        for opening in openings(self.rules, self._clock.now(), to):
            self._pass(opening.opens_at)
            self._open(opening)
        self._pass(to)

    def _pass(self, to: datetime) -> None:
        while self._waiting and self._waiting[0][0].fire_at < to:
            self._lapse(self._waiting[0][0].fire_at)
        self._clock.tick(to)

    def _open(self, opening: Opening) -> None:
        """The calendar opens a duty: a record of its own, which its unit completes."""
        jurisdiction, now = self.rules.pack.jurisdiction, self._clock.now()
        id_ = opening.problem_id(jurisdiction)
        case = Case(UUID(id_), Receipt("calendar", id_, UUID(id_), b"", now, Outcome.ACCEPTED, UUID(id_)))
        self.cases[case.id].append(case)
        self._duties[opening.duty, opening.unit].append(case)
        data = Open(actor=Actor(unit=ENGINE), duty=opening.duty, unit=opening.unit, opens_at=opening.opens_at)
        answer = self.send(Message(f"open {id_}", "timeline", id_, now, jurisdiction, id_, data))
        assert not isinstance(answer, Refused), answer.reason

    def duties(self, duty: str, unit: str) -> list[Case]:
        """Every opening of ``duty`` for ``unit`` so far, in order."""
        return self._duties[duty, unit]

    def _lapse(self, until: datetime) -> None:
        while self._waiting and self._waiting[0][0].fire_at <= until:
            due, _, deadline = heappop(self._waiting)
            self._clock.tick(due.fire_at)
            if self._still_runs(deadline):
                answer = self.send(escalate(deadline, self._clock.now()))
                assert not isinstance(answer, Refused), answer.reason

    def _still_runs(self, deadline: Armed) -> bool:
        problem = self.cases[deadline.problem_id][0].problem
        return problem is not None and deadline in armed(problem, 0)

    # What the router answers

    def send(self, message: Message[Any]) -> ProblemEvent | Refused:
        """Send a command; the last of the router's answers, after all of them were taken in."""
        delivery = Delivery(message, message.data.TOPIC, 0, next(self._turn), self._clock.now())
        answers = [
            decode(record.key, record.value, record.headers, PROBLEMS).data
            for record in _at_once(self._router([delivery]))
        ]
        for answer in answers:
            for case in self.cases[UUID(message.subject)]:
                self._take(case, answer)
        last = answers[-1]
        if isinstance(last, ProblemEvent):
            self._await(last.problem)
        for answer in answers:
            if isinstance(answer, ProblemEvent):
                self._open_because(answer)
        return last

    def _open_because(self, answer: ProblemEvent) -> None:
        """What a measure opens: a duty, an entry on a list, a reward; each a record of its own."""
        for message in opened_because(answer.event, answer.problem, self.rules):
            id_, now = UUID(message.subject), self._clock.now()
            case = Case(id_, Receipt("measure", message.id, id_, b"", now, Outcome.ACCEPTED, id_))
            self.cases[id_].append(case)
            self._opened[answer.problem.id].append(case)
            self.send(message)

    def opened(self, case: Case, kind: Kind | None = None) -> list[Case]:
        """The records that the measures of a problem have opened so far, in order; only of ``kind`` where named."""
        found = [one for one in self._opened[case.id] if one.problem is not None]
        return [one for one in found if kind is None or (one.problem and one.problem.kind is kind)]

    def _take(self, case: Case, answer: ProblemEvent | Refused) -> None:
        if isinstance(answer, Refused):
            case.refusals.append(answer.code)
            return
        case.problem = answer.problem
        case.events.append(answer.event)

    def _await(self, problem: Problem) -> None:
        for deadline in armed(problem, 0):
            heappush(self._waiting, (deadline.position, next(self._turn), deadline))
        if problem.status not in OPEN:
            self._places.pop(problem.id, None)


@cache
def rules_of(pack: str) -> Rules:
    """The rules of ``deploy/packs/<pack>.yaml`` on its calendar."""
    file = DEPLOY / "packs" / f"{pack}.yaml"
    loaded = load_pack(file.read_text("utf-8"), file.name)
    calendar = DEPLOY / "calendars" / f"{loaded.time.calendar}.yaml"
    return Rules.compile(loaded, load_calendar(calendar.read_text("utf-8"), calendar.name))


def local(text: str, zone: str = "Asia/Shanghai") -> datetime:
    """The instant at which clocks in ``zone`` show ``text``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def expect(case: Case, **wanted: Any) -> None:
    """Hold the case against ``wanted``: its ``escalated``, ``reminded`` and ``lapsed``, and fields of its problem."""
    assert case.problem is not None, f"no problem came of it: {case.receipt.reason}"
    found = {name: getattr(case if hasattr(case, name) else case.problem, name) for name in wanted}
    assert found == wanted, f"found {found}, wanted {wanted}"


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: the ledger in memory answers at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise AssertionError("the handler waited for something")


def lead(case: Case) -> str:
    """The unit that leads the problem now."""
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    return case.problem.lead_unit


def measured(case: Case) -> list[Measured]:
    """The measures that were taken at once, not because of a deadline."""
    return [event.change for event in case.events if isinstance(event.change, Measured)]


def runs(case: Case, obligation: str) -> str:
    """The local time at which ``obligation`` lapses."""
    assert case.problem is not None
    (found,) = (one for one in case.problem.deadlines if one.obligation == obligation)
    zone = rules_of(case.problem.pack.partition("@")[0]).zone
    return f"{found.lapse_at.astimezone(zone):%Y-%m-%d %H:%M}"
