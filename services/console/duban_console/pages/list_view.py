"""Lists as a page shows them, and the forms by which their keepers put somebody on one. Pure."""

from __future__ import annotations

from typing import Any, Final

from duban.messages.report import MOST_OF_NAME
from duban.policy.model.listing import ListRule
from duban_console.accounts.access import appointments_for
from duban_console.accounts.session import Principal, Scope
from duban_console.action import NewEntry, new_entry
from duban_console.assessment.words import listed
from duban_console.listings import Entry
from duban_console.pages.forms import (
    ActForm,
    FieldKind,
    FormChoice,
    FormField,
    evidence_field,
    reason_field,
    unit_choices,
)
from duban_console.pages.offers import Offer
from duban_console.pages.record_words import RecordWords

#: The deed of whoever puts somebody on a list.
DEED: Final = "put_on_list"


def entry_words(entry: Entry, words: RecordWords) -> dict[str, str]:
    """An entry as people read it, by the columns of the page."""
    rule = words.rules.lists.get(entry.list) if words.rules is not None else None
    grounds = {ground.id: words.text(ground.title) for ground in rule.grounds} if rule is not None else {}
    return {
        "list": words.named("lists", entry.list),
        "of": words.unit(entry.of) if rule is not None and rule.of == "unit" else entry.of,
        "ground": grounds.get(entry.ground, entry.ground),
        "status": words.status(entry.status),
        "since": words.instant(entry.since),
        "until": words.instant(entry.until) if entry.until is not None else "",
        "bars": listed([words.text(bar) for bar in rule.bars] if rule is not None else entry.bars, words.language),
    }


def entry_forms(principal: Principal, city: str, words: RecordWords) -> list[ActForm]:
    """A form for each list of the city that ``principal`` keeps."""
    if words.rules is None or principal.scope is not Scope.ACT:
        return []
    own = {each.unit for each in appointments_for(principal, DEED, None, city)}
    return [_form(rule, words) for rule in words.rules.lists.values() if rule.keeper in own]


def _form(rule: ListRule, words: RecordWords) -> ActForm:
    label = words.say("Enterprise or unit")
    if rule.of == "unit":
        of = FormField("of", label, FieldKind.CHOICE, required=True, choices=tuple(unit_choices(words)))
    else:
        of = FormField("of", label, FieldKind.LINE, required=True, most=MOST_OF_NAME)
    grounds = tuple(FormChoice(ground.id, words.text(ground.title)) for ground in rule.grounds)
    fields = (
        of,
        FormField("ground", words.field("ground"), FieldKind.CHOICE, required=True, choices=grounds),
        evidence_field(words),
        reason_field(words),
    )
    keeper = (FormChoice(rule.keeper, words.unit(rule.keeper)),)
    title = words.say("Put on the list: {title}").format(title=words.text(rule.title))
    return ActForm(Offer(DEED, (rule.keeper,), rule.id), title, keeper, fields)


def entry_in(body: dict[str, Any], city: str) -> NewEntry:
    """The entry that the ``body`` of such a form says.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    fields = {name: value for name, value in body.items() if name not in ("action", "step")}
    return new_entry({**fields, "list": body["step"], "jurisdiction": city})
