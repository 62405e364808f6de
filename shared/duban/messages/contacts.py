"""Contacts: by which ways a unit, or a person there, is told. ``duban contact`` writes them, escalation reads them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta

from duban.messages.envelope import Payload, derived_id
from duban.messages.report import Name
from duban.messages.struct import NO_NEWLINE, AwareDatetime, Frozen, Unfit, replace

#: How a person is named in a contact: as their account is, or where they have none by an id of the unit's own, and
#: not by the name of the person. Whatever names an account fits.
PersonId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._@-]*$" + NO_NEWLINE)]

#: How the key of a way begins.
_WAY: Final = "contact:"
#: A time of day by the clock on the wall.
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$" + NO_NEWLINE)]
#: A time zone by its name.
ZoneName = Annotated[str, Meta(max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$" + NO_NEWLINE)]


class ChannelKind(StrEnum):
    """The channels by which people are reached."""

    MAIL = "mail"  #: by SMTP, to an address
    WEBHOOK = "webhook"  #: posted to an address of theirs, signed
    DINGTALK = "dingtalk"  #: by a robot of a group
    WECOM = "wecom"  #: by a robot of a group
    FEISHU = "feishu"  #: by a robot of a group
    SMS = "sms"  #: by the gateway of the operator, to a number


_ROBOT: Final = (re.compile(r"[a-z0-9][a-z0-9./-]{0,99}"), "should name a robot in the file of channels, as `office`")
#: What ``to`` of each channel is: an address, a number, or a robot in the file of channels, where its secrets are.
_TO: Final = {
    ChannelKind.MAIL: (
        re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"),
        "should be one address of mail, as li@example.org",
    ),
    ChannelKind.WEBHOOK: (
        re.compile(r"https?://[^\s/@?#]+(/[^\s#]*)?"),
        "should be an address over HTTP, as https://example.org/duban",
    ),
    ChannelKind.DINGTALK: _ROBOT,
    ChannelKind.WECOM: _ROBOT,
    ChannelKind.FEISHU: _ROBOT,
    ChannelKind.SMS: (re.compile(r"\+?[0-9]{5,15}"), "should be a telephone number in digits, as +8613800000000"),
}


class ContactWay(Frozen):
    """One way to be reached: ``by`` which channel, and ``to`` which address, number or robot."""

    by: ChannelKind
    to: Annotated[str, Meta(max_length=1000)]

    def __post_init__(self) -> None:
        pattern, should = _TO[self.by]
        if not pattern.fullmatch(self.to):
            raise Unfit("to", f"{should}, to be reached by {self.by}")


class WayKey(NamedTuple):
    """The key of notices that go one way of a contact: there they stand in line, and keep their order.

    ``number`` counts the ways of a contact by one channel, so that what waits for a way goes to its address of now.
    """

    contact: str
    by: ChannelKind
    number: int

    def __str__(self) -> str:
        return f"{_WAY}{self.by}.{self.number}:{self.contact}"

    @classmethod
    def of(cls, key: str) -> WayKey | None:
        """What ``key`` says; None where it is the key of other notices."""
        place, _, contact = key.removeprefix(_WAY).partition(":")
        by, _, number = place.partition(".")
        if not key.startswith(_WAY) or by not in list(ChannelKind) or not (number.isascii() and number.isdigit()):
            return None
        return cls(contact, ChannelKind(by), int(number))

    def notice_id(self, notice: str) -> UUID:
        """The id under which the notice ``notice`` goes this way."""
        return derived_id("way", notice, self)


class QuietHours(Frozen):
    """From when until when by the clock on the wall nothing is sent that can wait; past midnight if it ends earlier."""

    begins: TimeOfDay
    ends: TimeOfDay

    def __post_init__(self) -> None:
        if self.begins == self.ends:
            raise Unfit("ends", "is when they begin: nothing would ever be sent; use `digest` to be told once a day")


def contact_key(jurisdiction: str, unit: str, person: str | None) -> str:
    """By what a contact is known: ``mianyang/ecology/li``; of the unit itself, where there is no person, without."""
    return "/".join(filter(None, (jurisdiction, unit, person)))


class RegisteredContact(Payload):
    """Who is reached how: a unit, or a person there. The newest record of a key is the contact as it is.

    What comes in the ``quiet`` hours waits for their end, and with times of ``digest`` everything waits for the next of
    them; what waited for a way goes out as one message. What is urgent waits for neither.

    One without ways is gone: after it nothing stands on the topic under its key. No secret stands here: those that
    sign, and the addresses of robots, which are secrets too, are told escalation alone.
    """

    TOPIC: ClassVar[str] = "duban.contacts.v1"
    TYPE: ClassVar[str] = "duban.contact.registered"

    jurisdiction: Name
    unit: Annotated[Name, Meta(description="As the policy calls it")]
    person: Annotated[PersonId | None, Meta(description="None: the unit itself, whoever is there")] = None
    ways: Annotated[tuple[ContactWay, ...], Meta(max_length=10)] = ()
    quiet: QuietHours | None = None
    digest: Annotated[tuple[TimeOfDay, ...], Meta(max_length=24)] = ()
    zone: Annotated[
        ZoneName | None, Meta(description="By whose clock, as `Asia/Shanghai`; none: that of the policy's calendar")
    ] = None
    tested_at: Annotated[
        AwareDatetime | None, Meta(description="When `duban contact test` asked for a notice by each of the ways")
    ] = None

    def __post_init__(self) -> None:
        if self.zone is not None:
            _check_zone(self.zone)

    @property
    def key(self) -> str:
        """Its name on the topic, and where it is typed: ``mianyang/ecology``, or ``mianyang/ecology/li``."""
        return contact_key(self.jurisdiction, self.unit, self.person)

    @property
    def way_keys(self) -> list[WayKey]:
        """The key of each of its ways."""
        counted: Counter[ChannelKind] = Counter()
        keys: list[WayKey] = []
        for way in self.ways:
            counted[way.by] += 1
            keys.append(WayKey(self.key, way.by, counted[way.by]))
        return keys

    def trial_id(self, tested_at: datetime) -> UUID:
        """The id of the notice by which it is tried out, as was asked at ``tested_at``."""
        return derived_id("trial", self.key, tested_at.isoformat())


class Relief(Frozen):
    """Somebody stands in: from when until when, whoever has the turn."""

    person: PersonId
    begins: AwareDatetime
    ends: AwareDatetime

    def __post_init__(self) -> None:
        if self.begins >= self.ends:
            raise Unfit("ends", "is not after it begins")


class OnCall(Frozen):
    """Who is on call, from when until when."""

    person: PersonId
    begins: AwareDatetime
    ends: AwareDatetime


class RegisteredRota(Payload):
    """Who of a unit is on call when: each of ``persons`` for so many ``days``, in turn; they are contacts of the unit.

    The first takes over at ``since``, and each hands over to the next at that time of day, by the clock of ``zone``.
    Who is on call is called every so many ``minutes`` until somebody answers, twice each, and then the next of them.
    The newest record of a key is the rota as it is; one without persons is gone.
    """

    TOPIC: ClassVar[str] = "duban.contacts.v1"
    TYPE: ClassVar[str] = "duban.rota.registered"

    jurisdiction: Name
    unit: Annotated[Name, Meta(description="As the policy calls it")]
    persons: Annotated[tuple[PersonId, ...], Meta(max_length=50)] = ()
    since: AwareDatetime
    days: Annotated[int, Meta(ge=1, le=366)] = 7
    minutes: Annotated[int, Meta(ge=1, le=120)] = 5
    reliefs: Annotated[tuple[Relief, ...], Meta(max_length=50)] = ()
    zone: ZoneName

    def __post_init__(self) -> None:
        _check_zone(self.zone)

    @property
    def key(self) -> str:
        """Its name on the topic: ``rota:mianyang/ecology``."""
        return f"rota:{self.jurisdiction}/{self.unit}"

    @property
    def shown_in(self) -> ZoneInfo:
        """The clock by which it hands over."""
        return ZoneInfo(self.zone)

    def on_call(self, at: datetime) -> OnCall | None:
        """Who is on call at ``at``; None before the rota begins, and where nobody is in it."""
        if not self.persons or at < self.since:
            return None
        for relief in self.reliefs:
            if relief.begins <= at < relief.ends:
                return OnCall(person=relief.person, begins=relief.begins, ends=relief.ends)
        number, begins, ends = self._turn(at)
        return OnCall(person=self.persons[number % len(self.persons)], begins=begins, ends=ends)

    def called(self, at: datetime, again: int) -> PersonId | None:
        """Who is called at ``at`` for the first time (0), or ``again`` for the so-manieth; None where nobody is."""
        now = self.on_call(at)
        if now is None:
            return None
        number, *_ = self._turn(at)
        turn = (self.persons[(number + step) % len(self.persons)] for step in range(len(self.persons)))
        order = list(dict.fromkeys((now.person, *turn)))
        return order[again // 2 % len(order)]

    def stint(self, at: datetime) -> OnCall | None:
        """Who is on call at ``at``, until their turn ends or somebody else stands in before that; None as above."""
        now = self.on_call(at)
        if now is None:
            return None
        begun = {each.begins for each in self.reliefs if at < each.begins < now.ends}
        return replace(now, ends=min([now.ends, *(each for each in begun if self.on_call(each) != now)]))

    def turns(self, at: datetime, most: int) -> list[OnCall]:
        """Who is on call from ``at`` on, one after the other, ``most`` of them; whoever stands in stands in place."""
        turns: list[OnCall] = []
        begins = max(at, self.since)
        while len(turns) < most and (now := self.stint(begins)) is not None:
            turns.append(replace(now, begins=begins))
            begins = now.ends
        return turns

    def from_turn(self, at: datetime) -> RegisteredRota:
        """The same rota, written from the turn at ``at`` on: who has that stands first, and it begins with it."""
        if not self.persons or at < self.since:
            return self
        number, begins, _ = self._turn(at)
        first = number % len(self.persons)
        return replace(self, persons=self.persons[first:] + self.persons[:first], since=begins)

    def _turn(self, at: datetime) -> tuple[int, datetime, datetime]:
        """The number of the turn at ``at``, when it begins and when it ends."""
        zone = self.shown_in
        first, length = self.since.astimezone(zone).replace(tzinfo=None), timedelta(days=self.days)
        number = (at.astimezone(zone).replace(tzinfo=None) - first) // length
        begins, ends = ((first + count * length).replace(tzinfo=zone).astimezone(UTC) for count in (number, number + 1))
        return number, begins, ends


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Unfit("zone", f"{zone} is no time zone; give one as Asia/Shanghai") from None


#: What travels on the topic of contacts.
CONTACTS: Final[dict[str, type[RegisteredContact] | type[RegisteredRota]]] = {
    RegisteredContact.TYPE: RegisteredContact,
    RegisteredRota.TYPE: RegisteredRota,
}
