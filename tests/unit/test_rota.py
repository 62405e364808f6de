"""The laws of the rota: whose turn it is, who hands over when, who is called, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from duban.clock import DrivenClock
from duban.messages import commands as do
from duban.messages.contacts import ChannelKind, ContactWay, RegisteredContact, RegisteredRota, Relief
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record, decode
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.notices import NOTICES, Notice
from duban.messages.struct import from_data, replace
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_escalation.caller import RotaCaller
from duban_escalation.contacts import ContactBook, People, RotaBook
from duban_escalation.handlers import ProblemHandler
from duban_escalation.memory import MemoryDeadlines
from duban_escalation.sweep import Sweeper
from duban_router.domain.decision import Decided
from tests.given import Case, notice, report

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: 09:00 in Chengdu, a week each.
ROTA = RegisteredRota(
    jurisdiction="smallville", unit="water", persons=("li", "wang", "zhao"), since=datetime(2022, 4, 4, 1, tzinfo=UTC),
    zone="Asia/Shanghai",
)  # fmt: skip

#: Who stands in, and for how many days.
NAMED = (("chen", 1), ("ma", 9))


@pytest.mark.parametrize(
    ("days", "person"),
    [(-1, None), (0, "li"), (6.9, "li"), (7, "wang"), (14, "zhao"), (21, "li"), (7 * 52, "wang")],
)
def test_each_has_a_turn_of_so_many_days_and_then_the_next(days: float, person: str | None) -> None:
    turn = ROTA.on_call(ROTA.since + timedelta(days=days))
    assert (turn and turn.person) == person


def test_a_turn_ends_where_the_next_begins_to_the_microsecond() -> None:
    end = ROTA.since + timedelta(days=7)
    before, after = ROTA.on_call(end - timedelta(microseconds=1)), ROTA.on_call(end)
    assert before is not None
    assert after is not None
    assert (before.person, before.ends, after.person, after.begins) == ("li", end, "wang", end)


def test_it_is_handed_over_at_the_same_time_of_day_across_a_change_of_the_clock() -> None:
    rota = replace(ROTA, since=datetime(2026, 3, 23, 8, tzinfo=UTC), zone="Europe/Berlin")
    turn = rota.on_call(datetime(2026, 3, 30, 8, tzinfo=UTC))
    assert turn is not None
    assert (turn.person, turn.begins) == ("wang", datetime(2026, 3, 30, 7, tzinfo=UTC))


def test_who_stands_in_is_called_instead_and_then_who_has_the_turn() -> None:
    begins = ROTA.since + timedelta(hours=10)
    rota = replace(ROTA, reliefs=(Relief(person="chen", begins=begins, ends=begins + timedelta(hours=5)),))
    turn = rota.on_call(begins)
    assert turn is not None
    assert (turn.person, turn.ends) == ("chen", begins + timedelta(hours=5))
    assert [rota.called(begins, again) for again in range(9)] == [
        "chen", "chen", "li", "li", "wang", "wang", "zhao", "zhao", "chen",
    ]  # fmt: skip
    assert [ROTA.called(begins, again) for again in range(7)] == ["li", "li", "wang", "wang", "zhao", "zhao", "li"]


def test_the_turns_to_come_follow_each_other_with_who_stands_in_between_them() -> None:
    begins = ROTA.since + timedelta(hours=10)
    chen, ma = (Relief(person=name, begins=begins, ends=begins + timedelta(days=days)) for name, days in NAMED)
    rota, week = replace(ROTA, reliefs=(chen, ma)), timedelta(days=7)
    turns = rota.turns(begins - MINUTE, 5)
    assert [(turn.person, turn.ends) for turn in turns] == [
        ("li", begins), ("chen", chen.ends), ("ma", ma.ends), ("wang", ROTA.since + 2 * week),
        ("zhao", ROTA.since + 3 * week),
    ]  # fmt: skip
    assert [turn.begins for turn in turns] == [begins - MINUTE, *(turn.ends for turn in turns[:-1])]
    assert [turn.begins for turn in ROTA.turns(AT - 2 * week, 2)] == [ROTA.since, ROTA.since + week]
    assert replace(ROTA, persons=()).turns(AT, 5) == []


def test_whoever_is_on_call_is_so_until_their_turn_ends_or_somebody_else_stands_in() -> None:
    begins = ROTA.since + timedelta(hours=10)
    chen = Relief(person="chen", begins=begins, ends=begins + timedelta(hours=5))
    later = Relief(person="ma", begins=begins + timedelta(hours=1), ends=begins + timedelta(hours=2))
    rota = replace(ROTA, reliefs=(chen, later))
    stints = [rota.stint(at) for at in (ROTA.since, begins, chen.ends)]
    assert [(stint.person, stint.ends) for stint in stints if stint is not None] == [
        ("li", begins), ("chen", chen.ends), ("li", ROTA.since + timedelta(days=7)),
    ]  # fmt: skip
    assert rota.stint(ROTA.since - MINUTE) is None


@pytest.mark.parametrize("weeks", range(5))
def test_a_rota_that_is_written_from_a_turn_on_has_the_same_turns_from_there(weeks: int) -> None:
    at = AT + weeks * timedelta(days=7)
    rota = ROTA.from_turn(at)
    assert rota.turns(at, 9) == ROTA.turns(at, 9)
    assert rota.persons[0] == ROTA.turns(at, 1)[0].person
    assert ROTA.from_turn(ROTA.since - MINUTE) == ROTA


@pytest.mark.parametrize(
    ("field", "value"),
    [("days", 0), ("minutes", 0), ("zone", "Mars/Olympus"), ("persons", ["Li Wei"]), ("since", "2022-04-04T01:00:00")],
)
def test_a_rota_that_means_nothing_is_refused(field: str, value: object) -> None:
    given = {"jurisdiction": "a", "unit": "b", "persons": ["li"], "since": "2022-04-04T01:00:00Z", "zone": "UTC"}
    with pytest.raises(msgspec.ValidationError, match=field):
        from_data({**given, field: value}, RegisteredRota)


# Who is told


def people(at: datetime, *rotas: RegisteredRota) -> People:
    contacts, book = ContactBook(), RotaBook()
    for person in (None, "li", "wang"):
        way = ContactWay(by=ChannelKind.MAIL, to=f"{person or 'desk'}@water.example")
        contacts.put(RegisteredContact(jurisdiction="smallville", unit="water", person=person, ways=(way,)))
    for rota in rotas:
        book.put(rota)
    return People(contacts, book, DrivenClock(at), lambda city: UTC)


def reached(who: People, told: Message[Notice]) -> list[str]:
    return [message.key.rpartition(":")[2].removeprefix("smallville/") for message, _ in who(told)]


def test_what_is_urgent_wakes_the_desk_and_who_is_on_call_and_lets_the_others_sleep() -> None:
    urgent = replace(notice(1), data=replace(notice(1).data, urgent=True))
    assert reached(people(AT, ROTA), urgent) == ["water", "water/li"]
    assert reached(people(AT + timedelta(days=7), ROTA), urgent) == ["water", "water/wang"]
    assert reached(people(AT, ROTA), notice(1)) == reached(people(AT), urgent) == ["water", "water/li", "water/wang"]
    assert reached(people(AT, ROTA, replace(ROTA, persons=())), urgent) == ["water", "water/li", "water/wang"]


def test_what_is_for_one_person_is_told_that_one_alone() -> None:
    mine = replace(notice(1), data=replace(notice(1).data, urgent=True, person="wang"))
    assert reached(people(AT, ROTA), mine) == ["water/wang"]


# Calls


class Sent:
    """Whatever was published."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records

    def notices(self, event: str) -> list[Message[Notice]]:
        of_notices = [one for one in self.records if one.topic == Notice.TOPIC]
        messages = [decode(one.key, one.value, one.headers, NOTICES) for one in of_notices]
        return [message for message in messages if message.data.event == event]


#: Whoever is dispatched an urgent problem of the river is called out.
CALL = {"id": "call-out", "kind": "page", "title": {"en": "Call"}, "text": "{number}: turn out", "clause": "art. 1"}
TRIGGER = {"id": "call", "on": "dispatched", "categories": ["river"], "measure": "call-out", "to": ["@lead"],
           "clause": "art. 1"}  # fmt: skip


def plain(entries: Any) -> list[dict[str, Any]]:
    return [each.model_dump(exclude_none=True) for each in entries]


class Scene:
    """A member of escalation, a problem of the river, and the rota of its unit."""

    def __init__(self, *, urgent: bool = True, rota: RegisteredRota = ROTA) -> None:
        pack = Case(AT).rules.pack
        categories = [{**each, "urgent": urgent and each["id"] == "river"} for each in plain(pack.categories)]
        measures, triggers = [*plain(pack.measures), CALL], [*plain(pack.triggers), TRIGGER]
        self.case = Case(AT, categories=categories, measures=measures, triggers=triggers)
        self.clock, self.sent, self.rotas = DrivenClock(AT), Sent(), RotaBook()
        self.deadlines = MemoryDeadlines()
        self.rotas.put(rota)
        rules = self.case.rules

        class OneCity(Library):
            def rules(self, ref: str) -> Rules | None:
                return rules

        sweeper = Sweeper(self.deadlines, self.sent, self.clock)
        self.handler = ProblemHandler(self.deadlines, OneCity(), self.clock, sweeper, None, self.rotas)
        self.caller = RotaCaller(self.deadlines, self.rotas, self.sent, self.clock, lambda: {0}, lambda city: rules)
        self.history: list[Delivery[Any]] = []
        self.happens(self.case.registered(report(category="river")))

    def happens(self, outcome: object) -> None:
        """What came of a command lies on the topic from now on, each event with the state after it."""
        assert isinstance(outcome, Decided)
        for event, record in outcome.steps:
            data = LedgerEvent(event=event, hash=GENESIS, problem=record)  # type: ignore[arg-type]
            message = Message("e", "router", self.case.id, AT, "smallville", self.case.id, data)
            self.history.append(Delivery(message, LedgerEvent.TOPIC, 0, len(self.history), AT))

    def is_acknowledged(self) -> None:
        self.case.now = self.clock.now()
        self.happens(self.case.apply(do.Acknowledge(actor=do.Actor(unit="water"))))

    async def hear(self, batch: Sequence[Delivery[Any]]) -> None:
        self.sent.records += await self.handler(batch)

    async def pass_time(self, minutes: float) -> None:
        self.clock.tick(self.clock.now() + minutes * MINUTE)
        await self.caller.step()

    def called(self) -> list[str | None]:
        return [message.data.person for message in self.sent.notices("called")]


async def test_who_is_on_call_is_called_every_few_minutes_and_then_the_next_until_it_is_acknowledged_my_11() -> None:
    scene = Scene()
    await scene.hear(scene.history)
    (first,) = scene.sent.notices("measured")
    assert (first.data.urgent, first.data.measure, first.key) == (True, "call-out", "water")
    await scene.pass_time(4.9)
    assert scene.called() == []
    await scene.pass_time(0.1)
    for _ in range(3):
        await scene.pass_time(5)
    assert scene.called() == ["li", "wang", "wang", "zhao"]
    (second, *_) = scene.sent.notices("called")
    assert (second.key, second.data.urgent, second.data.text.splitlines()[0]) == (
        "water", True, "【第2次呼叫，尚无应答】",
    )  # fmt: skip
    before = len(scene.history)
    scene.is_acknowledged()
    await scene.hear(scene.history[before:])
    await scene.pass_time(60)
    assert scene.called() == ["li", "wang", "wang", "zhao"]


async def test_a_call_that_was_answered_before_it_was_heard_of_is_never_begun_nor_when_it_comes_again() -> None:
    scene = Scene()
    before = len(scene.history)
    scene.is_acknowledged()
    await scene.hear(scene.history)
    await scene.pass_time(60)
    await scene.hear(scene.history[:before])
    await scene.pass_time(60)
    assert scene.called() == []


async def test_a_batch_that_comes_again_neither_ends_nor_doubles_a_call() -> None:
    scene = Scene()
    for count in (len(scene.history), 1, len(scene.history)):
        await scene.hear(scene.history[:count])
    await scene.pass_time(5)
    assert scene.called() == ["li"]


async def test_a_call_goes_over_with_the_turn() -> None:
    scene = Scene(rota=replace(ROTA, since=AT - timedelta(days=7) + timedelta(minutes=7)))
    await scene.hear(scene.history)
    await scene.pass_time(5)
    await scene.pass_time(5)
    assert scene.called() == ["li", "zhao"]


async def test_nobody_is_called_again_of_what_is_not_urgent_without_a_rota_or_long_ago() -> None:
    ordinary, nobody, late = Scene(urgent=False), Scene(rota=replace(ROTA, persons=())), Scene()
    late.clock.tick(AT + timedelta(hours=13))
    for scene in (ordinary, nobody, late):
        await scene.hear(scene.history)
        await scene.pass_time(60)
        assert scene.called() == []


async def test_a_rota_that_is_taken_away_ends_its_calls() -> None:
    scene = Scene()
    await scene.hear(scene.history)
    scene.rotas.put(replace(ROTA, persons=()))
    await scene.pass_time(5)
    scene.rotas.put(ROTA)
    await scene.pass_time(5)
    assert scene.called() == []


async def test_whoever_takes_over_is_told_once() -> None:
    scene = Scene()
    for _ in range(3):
        await scene.pass_time(1)
    await scene.pass_time(7 * 24 * 60)
    told = scene.sent.notices("handed_over")
    assert [message.data.person for message in told] == ["li", "wang"]
    assert "2022-04-04 09:00" in told[0].data.text
    assert len({message.id for message in told}) == 2
