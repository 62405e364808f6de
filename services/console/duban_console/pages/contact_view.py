"""How a contact stands on a page and comes back from it, and who may change it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from duban.messages.contacts import (
    ChannelKind,
    ContactWay,
    PersonId,
    QuietHours,
    RegisteredContact,
)
from duban.messages.struct import from_data, plain
from duban.pages.words import msgid

#: What somebody changes of their own contact; the rest needs a secret, which the operator sets up.
OF_PERSON: Final = (ChannelKind.MAIL, ChannelKind.SMS)
#: What may be changed of the contact of a unit.
OF_UNIT: Final = tuple(ChannelKind)
CHANNELS: Final[Mapping[ChannelKind, str]] = {
    ChannelKind.MAIL: msgid("Mail"),
    ChannelKind.WEBHOOK: msgid("Webhook"),
    ChannelKind.DINGTALK: msgid("DingTalk"),
    ChannelKind.WECOM: msgid("WeCom"),
    ChannelKind.FEISHU: msgid("Feishu"),
    ChannelKind.SMS: msgid("Short message"),
}
_ROBOT: Final = msgid("The name of a robot, as the operator has set it up; several parted by blanks.")
HINTS: Final[Mapping[str, str]] = {
    "mail": msgid("One address, or several parted by blanks, as li@example.org."),
    "webhook": msgid("An address over HTTP; its secret is set up by the operator."),
    "dingtalk": _ROBOT,
    "wecom": _ROBOT,
    "feishu": _ROBOT,
    "sms": msgid("One number, or several parted by blanks, as +8613800000000."),
    "quiet": msgid("From and until when nothing is sent that can wait; both or neither."),
    "person": msgid(
        "An id that nobody here has yet, as duty-phone: small letters, digits and . _ - @. Who has an account is "
        "called by its name; who gets one of this name later finds this as their own."
    ),
    "digest": msgid(
        "Times of day as 08:30, by the same clock, parted by blanks: what can wait comes as one message then."
    ),
}
#: What became of a trial, in a person's words.
OUTCOMES: Final[Mapping[str | None, str]] = {
    "posted": msgid("delivered"),
    "set_aside": msgid("refused: ask the operator"),
    "logged": msgid("not sent: the contact was changed meanwhile"),
    None: msgid("still waits: look again in a moment, else ask the operator"),
}


@dataclass(frozen=True, slots=True)
class ContactCard:
    """A contact on the page: whose it is, what stands in each field, which of its ways are not changed there.

    ``flaw`` is the field that was not taken. ``trial``: each way, and what became of the last trial. ``is_new``: it is
    there to be filled in for somebody who is no contact yet. ``zone``: its clock, where that is not the city's.
    """

    city: str
    unit: str
    person: str
    is_mine: bool
    channels: tuple[ChannelKind, ...]
    values: Mapping[str, str]
    fixed: tuple[ContactWay, ...] = ()
    flaw: str = ""
    is_registered: bool = False
    trial: Mapping[str, str | None] = field(default_factory=dict)
    is_new: bool = False
    zone: str | None = None

    @property
    def id(self) -> str:
        """By what it is called on the page."""
        if self.is_new:
            return "new-contact"
        return f"contact-{self.person}" if self.person else "contact"


def is_person(text: str) -> bool:
    """Whether ``text`` may name a person in contacts."""
    try:
        msgspec.convert(text, PersonId)
    except msgspec.ValidationError:
        return False
    return True


def values_of(contact: RegisteredContact | None) -> dict[str, str]:
    """What stands in the fields of ``contact``."""
    if contact is None:
        return {}
    values = {by.value: " ".join(way.to for way in contact.ways if way.by is by) for by in ChannelKind}
    if contact.quiet is not None:
        values |= {"begins": contact.quiet.begins, "ends": contact.quiet.ends}
    return {**values, "digest": " ".join(contact.digest)}


def contact_of(
    given: Mapping[str, str],
    blank: RegisteredContact,
    standing: RegisteredContact | None,
    channels: Sequence[ChannelKind],
) -> RegisteredContact | str:
    """The contact that is ``given``, of whom ``blank`` is; else the field that is none.

    What ``channels`` lack stays as it is ``standing``, and so does its clock.
    """
    ways: list[Any] = []
    for by in ChannelKind:
        if by not in channels:
            ways += [plain(way) for way in standing.ways if way.by is by] if standing else []
            continue
        mine = [{"by": by.value, "to": to} for to in given.get(by.value, "").split()]
        if not all(_fits(way, ContactWay) for way in mine):
            return by.value
        ways += mine
    hours = {name: given[name] for name in ("begins", "ends") if given.get(name)}
    if hours and not _fits(hours, QuietHours):
        return "quiet"
    digest = given.get("digest", "").split()
    more: dict[str, Any] = {"ways": ways, **({"quiet": hours} if hours else {})}
    if standing is not None and standing.zone is not None:
        more["zone"] = standing.zone
    try:
        from_data({**plain(blank), **more}, RegisteredContact)
    except msgspec.ValidationError:
        return "ways"
    try:
        return from_data({**plain(blank), **more, "digest": digest}, RegisteredContact)
    except msgspec.ValidationError:
        return "digest"


def _fits(given: Mapping[str, str], model: type[Any]) -> bool:
    try:
        from_data(given, model)
    except msgspec.ValidationError:
        return False
    return True
