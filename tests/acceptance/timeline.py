"""A city on virtual time: the engine of ``duban simulate``, a clock that moves when told to, and words for a timeline.

city = City.of("mianyang-2022", at="2022-04-06 09:00")
dust = city.report("construction-dust", "工地未覆盖", area="fucheng")
city.advance(working_days=1)
expect(dust, status="dispatched", escalated=("bulletin",))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from duban.calendar import Within
from duban.messages import struct
from duban.messages.changes import Attached, Escalated, Measured, Registered, Reminded
from duban.messages.commands import COMMANDS, Command
from duban.messages.envelope import Message
from duban.messages.readings import StationReadings
from duban.messages.records import AnyRecord, Event, Listing, Problem, Reward, in_words
from duban.messages.report import Location, Report
from duban.messages.struct import from_data
from duban.moves import Kind
from duban.policy import PolicyPack, Rules, load_calendar, load_pack
from duban.refusal import Refusal
from duban_detector.domain.episode_reports import episode_report
from duban_detector.domain.watch import Watched, watched
from duban_escalation.domain import opened_by
from duban_intake.domain import Arrival, Receipt, own_problem, submitted
from duban_router.domain.decision import Decided
from duban_simulation.engine import Engine
from tests.services import Services

#: Every city that was founded since this list was last emptied.
CITIES: Final[list[City]] = []
DEPLOY: Final = Path(__file__).parents[2] / "deploy"


@dataclass
class Case:
    """One report of the timeline and the problem that it opened; ``refusals`` are the codes of commands refused."""

    id: UUID
    receipt: Receipt | None = None
    record: AnyRecord | None = None
    events: list[Event] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def problem(self) -> Problem | None:
        """The record, where it is a problem."""
        return self.record if isinstance(self.record, Problem) else None

    @property
    def standing(self) -> AnyRecord:
        """The record, which is there."""
        assert self.record is not None
        return self.record

    @property
    def listing(self) -> Listing:
        """The record, which is an entry on a list."""
        assert isinstance(self.record, Listing)
        return self.record

    @property
    def reward(self) -> Reward:
        """The record, which is a reward."""
        assert isinstance(self.record, Reward)
        return self.record

    @property
    def referred(self) -> dict[str, bool]:
        """The bodies that the problem was referred to, and whether they have confirmed it."""
        referrals = self.problem.referrals if self.problem else {}
        return {body: referral.received is not None for body, referral in referrals.items()}

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
        return tuple(change.measure for change in self.taken_after_lapse if change.measure)

    @property
    def reminded(self) -> tuple[str, ...]:
        """The obligations that were reminded of before they lapsed, in order."""
        return tuple(change.obligation for change in self.measures if isinstance(change, Reminded))

    @property
    def lapsed(self) -> set[str]:
        """The obligations that were not met in time."""
        climbs = self.record.climbs if self.record else ()
        return {in_words(climb.obligation, climb.part) for climb in climbs if climb.lapses}


class City:
    """A city under one pack, on the engine of ``duban simulate``; its clock stands still between two calls.

    A deadline fires at exactly its instant; what is done before it, or at that very instant, comes first.
    """

    def __init__(self, rules: Rules, begins_at: datetime) -> None:
        self.rules = rules
        self.engine = Engine(rules, [self])
        self._calls: list[tuple[str, Any]] = []
        self._now = begins_at
        self._turn = count()
        self._watched: dict[str, Watched] = {}
        self._reported: Case | None = None
        self.cases: defaultdict[UUID, list[Case]] = defaultdict(list)
        self._duties: defaultdict[tuple[str, str], list[Case]] = defaultdict(list)
        CITIES.append(self)
        self._opened: defaultdict[UUID, list[Case]] = defaultdict(list)

    @classmethod
    def of(cls, pack: str, at: str) -> City:
        """The city of ``deploy/packs/<pack>.yaml``, where the local time is ``at``."""
        rules = rules_of(pack)
        return cls(rules, datetime.fromisoformat(at).replace(tzinfo=rules.zone).astimezone(UTC))

    @property
    def now(self) -> datetime:
        """What the clock shows, in the local time of the city."""
        return self._now.astimezone(self.rules.zone)

    # What people do

    def report(
        self, category: str | None, title: str, *, report_id: str = "", at: Sequence[float] = (), **said: Any
    ) -> Case:
        """Somebody reports something at the place ``at`` (latitude, longitude)."""
        where = Location(latitude=at[0], longitude=at[1]) if at else None
        fields = {"jurisdiction": self.rules.pack.jurisdiction, "channel": self.rules.pack.channels[0].id, **said}
        report = from_data({"category": category, "title": title, "location": where, **fields}, Report)
        return self.submit(submitted("timeline", report_id or f"report {next(self._turn)}", report, self._now))

    def submit(self, message: Message[Report]) -> Case:
        """Hand a report in; its case sees what happens to the problem from then on."""
        case = self._reported = Case(own_problem(message.source, message.id))
        answer = self._call("submit", message)
        self._reported = None
        case.receipt = self.engine.receipts.get(case.id)
        if isinstance(answer, Receipt) and answer.problem_id is not None:
            case.id = answer.problem_id
        elif answer.code is not None:
            case.refusals.append(answer.code)
        return case

    def measure(self, *readings: StationReadings) -> list[Case]:
        """Stations have measured: the detector judges, and hands in what it finds at the instant of the readings."""
        detection = self.rules.pack.detection
        assert detection is not None
        by_id, cases = {rule.id: rule for rule in detection.rules}, []
        for data in readings:
            self.run(data.at)
            state, happenings = watched(self._watched.get(data.station), data, data.at, detection.rules)
            self._watched[data.station] = state
            for happening in happenings:
                report = episode_report(happening, by_id[happening.episode.rule], self.rules.zone)
                cases.append(self.submit(struct.replace(report, time=data.at)))
        return cases

    def act(self, case: Case, action: str, by: str, **details: Any) -> Case:
        """A unit acts on the problem, and the router grants it."""
        answer = self.send(self._command(case, action, by, details))
        assert not isinstance(answer, Refusal), f"{action} by {by} was refused: {answer.reason}"
        return case

    def refuses(self, case: Case, action: str, by: str, because: str, **details: Any) -> None:
        """A unit wants to act on the problem, and the router refuses with the code ``because``; nothing changes."""
        before = case.record
        answer = self.send(self._command(case, action, by, details))
        assert isinstance(answer, Refusal), f"{action} by {by} was granted"
        assert (answer.code, case.record) == (because, before), answer.reason

    def send(self, message: Message[Any]) -> Decided | Refusal:
        """Send a command; what the router makes of it."""
        answer: Decided | Refusal = self._call("send", message)
        return answer

    def _command(self, case: Case, action: str, by: str, details: dict[str, Any]) -> Message[Command]:
        data = from_data({"actor": {"unit": by}, **details}, COMMANDS[f"duban.command.{action}"])
        id_, subject = f"command {next(self._turn)}", str(case.id)
        return Message(id_, "timeline", subject, self._now, self.rules.pack.jurisdiction, subject, data)

    def publish(self, pack: PolicyPack) -> None:
        """Another edition of the pack: what begins while it holds begins under it."""
        self._call("publish", pack)

    # What time does

    def advance(self, *, to: str = "", **within: Any) -> None:
        """Let time pass ``to`` a local time, or by a duration as packs write it: ``working_days=3``, ``hours=2``."""
        if to:
            until = datetime.fromisoformat(to).replace(tzinfo=self.rules.zone).astimezone(UTC)
        else:
            until = self.rules.calendar.add(self._now, Within(**within))
        assert until >= self._now, f"time does not run back from {self.now} to {until.astimezone(self.rules.zone)}"
        self.run(until)
        self._call("finish", until)

    def run(self, to: datetime) -> None:
        """Let time pass up to an instant, opening duties; what falls due at that very instant may still be met."""
        for message in opened_by(self.rules, self._now, to):
            case = self._case(message)
            self._duties[message.data.duty, message.data.unit].append(case)
            answer = self.send(struct.replace(message, time=message.data.opens_at))
            assert not isinstance(answer, Refusal), answer.reason
        self._call("run", to)
        self._now = max(self._now, to)

    def duties(self, duty: str, unit: str) -> list[Case]:
        """Every opening of ``duty`` for ``unit`` so far, in order."""
        return self._duties[duty, unit]

    def opened(self, case: Case, kind: Kind | None = None) -> list[Case]:
        """The records that the measures of a problem have opened so far, in order; only of ``kind`` where named."""
        return [one for one in self._opened[case.id] if kind is None or (one.record and one.record.kind is kind)]

    def _case(self, message: Message[Any]) -> Case:
        """The case of a record that no report opens."""
        case = Case(UUID(message.subject))
        self.cases[case.id].append(case)
        return case

    # What was asked of the engine

    def _call(self, name: str, argument: Any) -> Any:
        self._calls.append((name, argument))
        return getattr(self.engine, name)(argument)

    def again(self) -> Services:
        """The same timeline, played to the services' own handlers."""
        services = Services(self.rules)
        for name, argument in self._calls:
            getattr(services, name)(argument)
        return services

    # What the engine tells

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """An event of any record."""
        if self._reported is not None and isinstance(event.change, Registered | Attached):
            self.cases[record.id].append(self._reported)
            self._reported = None
        cause = getattr(event.change, "cause", None)
        if before is None and cause is not None and not self.cases[record.id]:
            case = Case(record.id)
            self.cases[record.id].append(case)
            self._opened[cause.problem_id].append(case)
        for case in self.cases[record.id]:
            case.record = record
            case.events.append(event)

    def refused(self, wanted: Message[Command], why: Refusal) -> None:
        """A command that was not carried out."""
        for case in self.cases[UUID(wanted.subject)]:
            case.refusals.append(why.code)

    def repeats(self, arrival: Arrival) -> None:
        """A report that came before."""

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A report that was refused: its case holds the code."""


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
    assert case.record is not None, f"no record came of it: {case.receipt}"
    found = {name: getattr(case if hasattr(case, name) else case.record, name) for name in wanted}
    assert found == wanted, f"found {found}, wanted {wanted}"


def lead(case: Case) -> str:
    """The unit that has the record in hand now."""
    assert case.record is not None
    assert case.record.holder is not None
    return case.record.holder


def measured(case: Case) -> list[Measured]:
    """The measures that were taken at once, not because of a deadline."""
    return [event.change for event in case.events if isinstance(event.change, Measured)]


def runs(case: Case, obligation: str) -> str:
    """The local time at which ``obligation`` lapses."""
    assert case.record is not None
    (found,) = (one for one in case.record.deadlines if in_words(one.obligation, one.part) == obligation)
    zone = rules_of(case.record.pack.partition("@")[0]).zone
    return f"{found.lapse_at.astimezone(zone):%Y-%m-%d %H:%M}"
