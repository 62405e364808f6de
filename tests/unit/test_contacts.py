"""The laws of contacts: how a contact is written, who is told of a notice by which way, what the office hears."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import yaml
from prometheus_client import REGISTRY

from duban.clock import DrivenClock
from duban.errors import Unavailable
from duban.messages.contacts import CONTACTS, ChannelKind, ContactWay, RegisteredContact, WayKey
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, decode
from duban.messages.notices import Notice
from duban.messages.struct import from_data, replace
from duban_console.contacts import published, removed, trial_ids, tried
from duban_escalation.contacts import ContactBook, People, RotaBook, each_way, trial
from duban_escalation.notices.contacts import ToContacts
from duban_escalation.notices.deliveries import MemoryDeliveries
from duban_escalation.notices.handler import ContactHandler, Line, NoticeHandler
from duban_escalation.notices.journal import NoticeOutcome
from duban_escalation.notices.undelivered import UNDELIVERED, undelivered
from duban_escalation.notices.webhook import NoticeRefused
from tests.given import ROOT, notice, small_rules

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


def contact(person: str | None = None, *to: str, unit: str = "water", city: str = "smallville") -> RegisteredContact:
    """A contact that is reached by mail at each of ``to``."""
    ways = tuple(ContactWay(by=ChannelKind.MAIL, to=address) for address in to)
    return RegisteredContact(jurisdiction=city, unit=unit, person=person, ways=ways)


def book(*contacts: RegisteredContact) -> ContactBook:
    made = ContactBook()
    for each in contacts:
        made.put(each)
    return made


UNIT, LI = contact(None, "desk@water.example"), contact("li", "li@water.example", "li@home.example")
LI_FIRST = "contact:mail.1:smallville/water/li"


@pytest.mark.parametrize(
    ("by", "to"),
    [
        ("mail", "li"), ("mail", "Li <li@example.org>"), ("mail", "li@example.org\n"), ("mail", "a@b\r\nBcc: c@d"),
        ("webhook", "ftp://example.org/"), ("webhook", "https://user:pass@example.org/"),
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=1"), ("sms", "+86 138"), ("sms", "110x"),
    ],
)  # fmt: skip
def test_a_way_that_leads_nowhere_or_would_tell_a_secret_is_refused(by: str, to: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"should .* to be reached by {by}"):
        from_data({"jurisdiction": "a", "unit": "b", "ways": [{"by": by, "to": to}]}, RegisteredContact)


def test_the_example_is_a_file_of_contacts() -> None:
    entries = yaml.safe_load((ROOT / "docs/example-contacts.yaml").read_text("utf-8"))["contacts"]
    contacts = [from_data(entry, RegisteredContact) for entry in entries]
    assert {way.by for each in contacts for way in each.ways} == set(ChannelKind)


def test_a_notice_goes_once_each_way_of_each_contact_of_its_recipient_with_an_id_of_its_own() -> None:
    elsewhere = contact(None, "desk@x.example", city="bigtown")
    known = book(LI, UNIT, elsewhere, contact(None, "o@x.example", unit="office"))
    addressed = [message for _, message in known.addressed(notice(1))]
    assert [one.key for one in addressed] == [
        "contact:mail.1:smallville/water", LI_FIRST, "contact:mail.2:smallville/water/li",
    ]  # fmt: skip
    assert len({one.id for one in (*addressed, notice(1))}) == 4
    assert {one.data.text for one in addressed} == {"迟"}
    assert [one.id for one in addressed] == [one.id for _, one in book(UNIT, LI).addressed(notice(1))]


def test_what_goes_one_way_a_source_or_a_platform_is_addressed_to_nobody_else() -> None:
    known = book(UNIT, LI)
    ((_, first), *_) = known.addressed(notice(1))
    assert not list(known.addressed(first))
    for key in ("source:water", "smallville/water"):
        assert not list(known.addressed(replace(notice(1), key=key)))


def test_what_waits_for_a_way_goes_to_its_new_address_and_nowhere_once_the_contact_is_gone() -> None:
    known, key = book(LI), WayKey.of(LI_FIRST)
    assert key is not None
    assert known.way(key) == ContactWay(by=ChannelKind.MAIL, to="li@water.example")
    known.put(contact("li", "new@water.example"))
    assert known.way(key) == ContactWay(by=ChannelKind.MAIL, to="new@water.example")
    assert known.way(replace_number(key, 2)) is None
    known.put(removed(LI))
    assert known.way(key) is None
    assert known.of("smallville", "water") == []


def replace_number(key: WayKey, number: int) -> WayKey:
    return WayKey(key.contact, key.by, number)


@pytest.mark.parametrize("key", ["water", "source:a", "contact:pigeon.1:a/b", "contact:mail.x:a/b", "contact:mail:a"])
def test_other_keys_are_no_way(key: str) -> None:
    assert WayKey.of(key) is None


@pytest.mark.parametrize("person", ["li", "sun@water.example"])
def test_a_way_is_written_as_it_is_read(person: str) -> None:
    key = WayKey(f"smallville/water/{person}", ChannelKind.SMS, 2)
    assert WayKey.of(str(key)) == key


def test_who_is_removed_leaves_an_empty_record_and_then_none() -> None:
    emptied, gone = published(removed(LI), AT)
    assert (gone.key, gone.value) == (emptied.key, None)
    said = decode(emptied.key, emptied.value, emptied.headers, CONTACTS).data
    assert said == RegisteredContact(jurisdiction="smallville", unit="water", person="li")
    assert b"li@" not in (emptied.value or b"")
    (alone,) = published(LI, AT)
    assert alone.value is not None


class Lines:
    """Whoever is woken."""

    def __init__(self) -> None:
        self.woken: set[Line] = set()
        self.looks = 0

    def wake(self, lines: Collection[Line]) -> None:
        self.woken |= set(lines)

    def look_anew(self) -> None:
        self.looks += 1


async def taken_in(*contacts: RegisteredContact, again: bool = False) -> tuple[MemoryDeliveries, Lines]:
    deliveries, lines = MemoryDeliveries(), Lines()
    clock = DrivenClock(AT)
    handler = NoticeHandler(deliveries, lines, clock, People(book(*contacts), RotaBook(), clock, lambda city: UTC))
    for _ in range(2 if again else 1):
        await handler([Delivery(notice(1), Notice.TOPIC, 3, 7, AT)])
    return deliveries, lines


async def test_each_way_waits_in_a_line_of_its_own_beside_that_of_the_receiver_of_all() -> None:
    deliveries, lines = await taken_in(UNIT, LI, again=True)
    lengths = {length.line.recipient: length.count for length in await deliveries.lines([3])}
    assert lengths == {
        "water": 1, "contact:mail.1:smallville/water": 1, LI_FIRST: 1, "contact:mail.2:smallville/water/li": 1,
    }  # fmt: skip
    assert {line.recipient for line in lines.woken} == lengths.keys()


class Post:
    """A channel that refuses, or is away for, whom it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.reached: list[str] = []

    async def send(self, notice: Message[Notice], to: str) -> None:
        if self.error is not None:
            raise self.error
        self.reached.append(to)


class Others:
    """The way of all other notices."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        self.keys.append(notice.key)
        return "posted"


def counted(outcome: str) -> float:
    labels = {"channel": "mail", "outcome": outcome}
    return REGISTRY.get_sample_value("duban_contact_notices_total", labels) or 0.0


async def test_what_is_for_a_person_goes_by_its_channel_and_all_else_the_other_way() -> None:
    post, others = Post(), Others()
    way = ToContacts(book(LI), {ChannelKind.MAIL: post}, others)
    before = counted("delivered")
    for one in (notice(1), *each_way(LI, notice(1))):
        assert await way.send(one) == "posted"
    assert (post.reached, others.keys) == (["li@water.example", "li@home.example"], ["water"])
    assert counted("delivered") == before + 2
    assert await ToContacts(book(), {ChannelKind.MAIL: post}, others).send(next(each_way(LI, notice(1)))) == "logged"


@pytest.mark.parametrize(("error", "outcome"), [(Unavailable("away"), "waited"), (NoticeRefused("1", 550), "refused")])
async def test_a_channel_that_does_not_take_it_is_counted_and_its_word_passed_on(
    error: Exception, outcome: str
) -> None:
    before = counted(outcome)
    with pytest.raises(type(error)):
        await ToContacts(book(LI), {ChannelKind.MAIL: Post(error)}, Others()).send(next(each_way(LI, notice(1))))
    assert counted(outcome) == before + 1


async def test_what_no_channel_is_set_up_for_waits() -> None:
    with pytest.raises(Unavailable, match="reach people by mail"):
        await ToContacts(book(LI), {}, Others()).send(next(each_way(LI, notice(1))))


def test_the_office_is_told_which_notice_did_not_reach_whom_and_of_that_notice_nobody_is() -> None:
    unreached = next(each_way(LI, notice(1)))
    told = undelivered(unreached, "refused", lambda city: small_rules())
    assert told is not None
    assert (told.key, told.data.recipient, told.data.event) == ("office", "office", UNDELIVERED)
    assert (told.data.number, told.cause) == ("SV-1", unreached.id)
    for word in ("SV-1", "smallville/water/li", "mail", "refused", "迟"):
        assert word in told.data.text
    office = next(each_way(contact(None, "o@x.example", unit="office"), told))
    assert undelivered(office, "refused", lambda city: small_rules()) is None


def test_of_other_notices_and_of_trials_the_office_hears_nothing() -> None:
    tests = each_way(LI, trial(LI, AT))
    assert not any(undelivered(one, "refused", lambda city: small_rules()) for one in (notice(1), *tests))


async def test_a_trial_goes_once_by_each_way_under_the_ids_that_the_command_knows_and_only_while_it_is_new() -> None:
    asked = tried(LI, AT)
    deliveries, lines, known = MemoryDeliveries(), Lines(), ContactBook()
    for age in (timedelta(0), timedelta(minutes=1), timedelta(minutes=11)):
        await ContactHandler(known, RotaBook(), deliveries, lines, DrivenClock(AT + age))(asked)
        waiting = await deliveries.waiting({length.line: -1 for length in await deliveries.lines([0])}, 10)
        assert {one.id for one in waiting} == set(trial_ids(asked).values())
    late, clock = MemoryDeliveries(), DrivenClock(AT + timedelta(minutes=11))
    await ContactHandler(known, RotaBook(), late, lines, clock)(asked)
    assert (await late.lines([0]), lines.looks) == ([], 2)
    assert known.of("smallville", "water") == [asked]


def test_no_secret_has_a_place_in_a_contact(tmp_path: Path) -> None:
    fields = set(RegisteredContact.__struct_fields__) | set(ContactWay.__struct_fields__)
    assert not fields & {"secret", "password", "key", "token"}
