"""Contacts: by which ways a unit, or a person there, is told. ``duban contact`` writes them, escalation reads them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from zoneinfo import ZoneInfo

from msgspec import Meta

from duban.messages.envelope import Payload
from duban.messages.report import Name
from duban.messages.struct import NO_NEWLINE, AwareDatetime, Frozen, Unfit

#: How a person is named in a contact: an id of the unit's own, and no name of the person.
PersonId = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$" + NO_NEWLINE)]

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


class QuietHours(Frozen):
    """From when until when by the clock on the wall nothing is sent that can wait; past midnight if it ends earlier."""

    begins: TimeOfDay
    ends: TimeOfDay

    def __post_init__(self) -> None:
        if self.begins == self.ends:
            raise Unfit("ends", "is when they begin: nothing would ever be sent; use `digest` to be told once a day")


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
            try:
                ZoneInfo(self.zone)
            except (KeyError, ValueError, OSError):
                raise Unfit("zone", f"{self.zone} is no time zone; give one as Asia/Shanghai") from None

    @property
    def key(self) -> str:
        """Its name on the topic, and where it is typed: ``mianyang/ecology``, or ``mianyang/ecology/li``."""
        return "/".join(filter(None, (self.jurisdiction, self.unit, self.person)))


#: What travels on the topic of contacts.
CONTACTS: Final[dict[str, type[RegisteredContact]]] = {RegisteredContact.TYPE: RegisteredContact}
