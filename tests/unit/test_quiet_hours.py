"""The laws of when people are told: quiet hours by the clock on the wall, digests, and what waits for neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.clock import DrivenClock
from duban.messages.contacts import ChannelKind, ContactWay, QuietHours, RegisteredContact, WayKey
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message
from duban.messages.events import LedgerEvent
from duban.messages.notices import Notice
from duban.messages.struct import from_data, replace
from duban_escalation.contacts import ContactBook, People, RotaBook
from duban_escalation.measures import notices_for
from duban_escalation.notices.deliveries import MemoryDeliveries
from duban_escalation.notices.digests import Digests
from duban_escalation.notices.handler import NoticeHandler, WaitingNotice
from duban_escalation.notices.message_text import subject_of, text_of
from duban_escalation.quiet_hours import held_until
from tests.given import Case, notice, report
from tests.unit.test_contacts import Lines

CHENGDU, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(begins="22:00", ends="07:00")
WAYS = tuple(ContactWay(by=by, to=to) for by, to in ((ChannelKind.MAIL, "li@x.example"), (ChannelKind.WECOM, "office")))


def contact(quiet: QuietHours | None = None, *digest: str) -> RegisteredContact:
    return RegisteredContact(jurisdiction="smallville", unit="water", ways=WAYS, quiet=quiet, digest=digest)


def local(text: str, zone: ZoneInfo = CHENGDU) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("quiet", "digest", "at", "until"),
    [
        (None, (), "2026-03-02 03:00", None),
        (NIGHT, (), "2026-03-02 21:59", None),
        (NIGHT, (), "2026-03-02 22:00", "2026-03-03 07:00"),
        (NIGHT, (), "2026-03-03 00:00", "2026-03-03 07:00"),
        (NIGHT, (), "2026-03-03 06:59", "2026-03-03 07:00"),
        (NIGHT, (), "2026-03-03 07:00", None),
        (QuietHours(begins="12:00", ends="14:00"), (), "2026-03-02 13:00", "2026-03-02 14:00"),
        (QuietHours(begins="12:00", ends="14:00"), (), "2026-03-02 14:00", None),
        (None, ("08:30", "14:30"), "2026-03-02 09:00", "2026-03-02 14:30"),
        (None, ("08:30", "14:30"), "2026-03-02 15:00", "2026-03-03 08:30"),
        (None, ("08:30",), "2026-03-02 08:30", None),
        (NIGHT, ("23:00",), "2026-03-02 09:00", "2026-03-03 07:00"),
        (NIGHT, ("08:30",), "2026-03-02 23:00", "2026-03-03 08:30"),
    ],
)
def test_what_can_wait_waits_for_the_end_of_the_night_and_for_the_next_digest(
    quiet: QuietHours | None, digest: tuple[str, ...], at: str, until: str | None
) -> None:
    who = contact(quiet, *digest)
    assert held_until(who, local(at), CHENGDU, urgent=False) == (until and local(until))
    assert held_until(who, local(at), CHENGDU, urgent=True) is None


def test_the_night_is_that_of_the_clock_on_the_wall_where_it_is_changed_too() -> None:
    before = local("2026-03-28 23:00", BERLIN)
    assert held_until(contact(NIGHT), before, BERLIN, urgent=False) == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert held_until(contact(NIGHT), before, CHENGDU, urgent=False) == datetime(2026, 3, 28, 23, tzinfo=UTC)


@given(
    at=st.integers(0, 366 * 86_400).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    begins=st.times(), ends=st.times(), digest=st.lists(st.times(), max_size=3),
)  # fmt: skip
def test_nothing_is_held_into_the_past_for_more_than_two_days_or_into_quiet_hours(
    at: datetime, begins: Any, ends: Any, digest: list[Any]
) -> None:
    names = [f"{each:%H:%M}" for each in (begins, ends, *digest)]
    quiet = QuietHours(begins=names[0], ends=names[1]) if names[0] != names[1] else None
    who = contact(quiet, *names[2:])
    until = held_until(who, at, BERLIN, urgent=False)
    if until is not None:
        assert at < until < at + timedelta(days=2, hours=2)
        assert held_until(contact(quiet), until, BERLIN, urgent=False) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quiet", {"begins": "22:00", "ends": "22:00"}), ("quiet", {"begins": "25:00", "ends": "07:00"}),
        ("digest", ["8:30"]), ("zone", "Mars/Olympus"), ("zone", "../../etc/passwd"),
    ],
)  # fmt: skip
def test_hours_that_mean_nothing_are_refused(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        from_data({"jurisdiction": "a", "unit": "b", field: value}, RegisteredContact)


def escalated(**sections: object) -> Message[Notice]:
    """What is told of the first lapse of a problem of the category river."""
    case = Case(datetime(2022, 4, 6, 2, tzinfo=UTC), **sections)
    case.registered(report(category="river"))
    case.now = case.problem.deadlines[0].due_at
    case.escalate(case.problem.deadlines[0])
    event = LedgerEvent(event=case.events[-1], hash="0" * 64, problem=case.problem)
    return notices_for(event, case.rules)[0]


def test_a_pack_says_which_problems_are_urgent_and_their_notices_say_so() -> None:
    categories = [{"id": "river", "title": {"en": "River"}, "urgent": True, "clause": "art. 1"}]
    plain = escalated()
    others = [
        each.model_dump(exclude_none=True) for each in Case(plain.time).rules.pack.categories if each.id != "river"
    ]
    assert not plain.data.urgent
    assert escalated(categories=[*categories, *others]).data.urgent


async def test_what_was_held_goes_out_as_one_message_a_way_when_its_time_has_come_and_what_is_urgent_at_once() -> None:
    clock = DrivenClock(local("2026-03-02 23:00"))
    who, deliveries, lines = contact(NIGHT), MemoryDeliveries(), Lines()
    known = ContactBook()
    known.put(who)
    handler = NoticeHandler(deliveries, lines, clock, People(known, RotaBook(), clock, lambda city: CHENGDU))
    digests = Digests(deliveries, lines, clock, lambda: {0})
    urgent = replace(notice("urgent"), data=replace(notice("urgent").data, urgent=True))
    batch = [notice(1), notice(2), urgent]
    for _ in range(2):  # a batch that comes again changes nothing
        await handler([Delivery(one, Notice.TOPIC, 0, at, clock.now()) for at, one in enumerate(batch)])
    await digests.step()
    assert await waiting(deliveries, "water") == ["迟", "迟", "迟"]
    assert await waiting(deliveries, "contact:mail.1:smallville/water") == ["迟"]
    clock.tick(local("2026-03-03 07:00"))
    await digests.step()
    await digests.step()
    (_, mail) = await waiting(deliveries, "contact:mail.1:smallville/water")
    (_, chat) = await waiting(deliveries, "contact:wecom.1:smallville/water")
    assert mail == "2 条通知 / 2 notices\n\n1. SV-1\n迟\n\n2. SV-1\n迟"
    assert chat == "2 条通知 / 2 notices\n1. SV-1 迟 河水\n2. SV-1 迟 河水"
    assert sorted(deliveries.gone.values()) == ["digested"] * 4
    assert lines.looks == 1


async def waiting(deliveries: MemoryDeliveries, recipient: str) -> list[str]:
    lengths = [length for length in await deliveries.lines([0]) if length.line.recipient == recipient]
    notices = await deliveries.waiting({length.line: -1 for length in lengths}, 10)
    return [one.message().data.text for one in sorted(notices, key=lambda one: one.message().data.event == "digest")]


async def test_one_notice_alone_goes_out_as_it_is_and_of_many_there_are_several_digests() -> None:
    clock, deliveries, lines = DrivenClock(local("2026-03-02 23:00")), MemoryDeliveries(), Lines()
    key = str(WayKey("smallville/water", ChannelKind.SMS, 1))
    for number in range(4):
        one = replace(notice(number), key=key)
        await deliveries.take([WaitingNotice.at(one, 0, number, clock.now(), clock.now())])
    await Digests(deliveries, lines, clock, lambda: {0}).step()
    texts = await waiting(deliveries, key)
    assert [text.splitlines()[0] for text in texts] == ["迟", "3 条通知 / 3 notices"]


async def test_what_is_held_in_partitions_of_others_is_theirs() -> None:
    clock, deliveries, lines = DrivenClock(local("2026-03-02 23:00")), MemoryDeliveries(), Lines()
    one = replace(notice(1), key=str(WayKey("smallville/water", ChannelKind.SMS, 1)))
    await deliveries.take([WaitingNotice.at(one, 3, 1, clock.now(), clock.now())])
    await Digests(deliveries, lines, clock, lambda: {0}).step()
    assert (await deliveries.lines([3]), lines.looks) == ([], 0)


def test_a_digest_is_told_by_its_count_and_names_no_single_record_above_the_others() -> None:
    digest = replace(notice(1).data, event="digest", text="2 条通知\n1. SV-7 …")
    assert (subject_of(digest), text_of(digest)) == ("2 条通知", "2 条通知\n1. SV-7 …")
