"""A notice that does not reach a contact is the office's concern: which it was, and by which way it was tried. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from duban.messages.contacts import WayKey
from duban.messages.envelope import Message, derived_id
from duban.messages.notices import Concern, Notice
from duban.messages.struct import replace
from duban.policy.model.entry import Text
from duban.policy.rules import Rules
from duban_escalation.contacts import TRIED
from duban_escalation.measures import SOURCE

#: What happened to a notice that nobody was reached with.
UNDELIVERED: Final = "undelivered"
_WORDS: Final = Text(
    en="Not delivered: the notice on {number} did not reach {unit} ({contact}, by {by}: {why}). "
    "Tell them another way, and mend the contact.\n{text}",
    zh="通知未送达：{number}的通知未能送达{unit}（{contact}，{by}：{why}）。请另行告知，并更正联系方式。\n{text}",
)


def undelivered(notice: Message[Notice], why: str, rules_of: Callable[[str], Rules | None]) -> Message[Notice] | None:
    """What the office is told of ``notice``, which goes one way of a contact and did not arrive, for ``why``.

    Nothing of any other notice, of a trial, and of one that says this already: a way to the office itself that is
    blocked would tell of itself for ever.
    """
    key, data = WayKey.of(notice.key), notice.data
    rules = rules_of(notice.jurisdiction)
    if key is None or rules is None or data.event in (UNDELIVERED, TRIED):
        return None
    office = rules.pack.office
    words = (rules.pack.title.zh and _WORDS.zh) or _WORDS.en
    text = words.format(
        number=data.number, unit=rules.title_of(data.recipient), contact=key.contact, by=key.by, why=why, text=data.text
    )
    to_office = replace(
        data, recipient=office, event=UNDELIVERED, concern=Concern.TOLD, version=None, public=False, text=text
    )
    id_ = str(derived_id("undelivered", notice.id))
    return replace(notice, id=id_, source=SOURCE, key=office, data=to_office, cause=notice.id)
