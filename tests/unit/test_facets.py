"""What of a record which role sees: the table, against the page that people read and every part of every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

from duban.messages.report import Location, Reporter
from duban_console.accounts.access import TABLE
from duban_console.accounts.account import Role
from duban_console.accounts.facets import SEEN_BY, Facet
from duban_console.api.mask import STANDS_IN
from duban_console.api.responses import ANSWERS
from tests.tools.document_tables import DOCS

#: Texts in which no facet stands: ids and words of the pack, units, who acts officially, what the engine says.
PLAIN: Final = {
    "approval", "area", "bars", "category", "channel", "check", "checks", "clause", "co_units", "code",
    "command", "command_type", "continues", "cursor", "deferrals", "duty", "extended", "extension_asked",
    "fixed_by", "flag", "flagged", "flags", "form", "grants", "ground", "hash", "id", "items", "jurisdiction",
    "keeper", "lead_unit", "list", "marks", "matter", "measure", "measured_in", "number", "obligation",
    "outcome", "owner", "pack", "pair", "part", "parts_finished", "passed_on", "person", "platform",
    "problem_id", "rated", "receipt", "referrals", "replied", "reply", "reply_form", "reward", "sign", "signs",
    "source", "sponsor", "status", "status_url", "step", "steps", "steps_taken", "steps_waived", "to", "unit",
    "why", "withdrawn_from",
}  # fmt: skip
#: The same where only some have a name that elsewhere is of a facet, and what it is of there.
OF_THE_PACK: Final = frozenset(
    {
        ("Noticed", "title"), ("Listing", "title"), ("Entry", "title"), ("RewardOwed", "title"), ("Reward", "title"),
        ("ReadingTaken", "title"), ("Reading", "title"), ("ReadingTaken", "target"), ("Reading", "target"),
        ("Refused", "reason"),
    }
)  # fmt: skip
#: Parts of what is masked as a whole, wherever it stands.
OF_A_WHOLE: Final = {"Evidence", "Reporter", "Location", "SealedFields"}
#: What is answered to whom it is about, by the code of their report: nothing of it is masked.
OF_THEIR_OWN: Final = {"Export", "BecomeOf", "ToldReply"}


def parts() -> dict[type, list[tuple[str, Any]]]:
    """Every struct of which an answer is made, with its fields and their types."""
    seen: dict[type, list[tuple[str, Any]]] = {}

    def walk(info: Any) -> None:
        if isinstance(info, inspect.StructType) and info.cls not in seen:
            seen[info.cls] = [(field.name, field.type) for field in info.fields]
        elif isinstance(info, inspect.StructType):
            return
        for inner in within(info):
            walk(inner)

    for answer in ANSWERS:
        walk(inspect.type_info(answer))
    return seen


def within(info: Any) -> Iterator[Any]:
    """The types of which ``info`` is made."""
    match info:
        case inspect.StructType(fields=fields):
            yield from (field.type for field in fields)
        case inspect.Metadata(type=inner):
            yield inner
        case inspect.UnionType(types=types):
            yield from types
        case inspect.DictType(key_type=key, value_type=value):
            yield from (key, value)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            yield item


def says(info: Any) -> bool:
    """Whether ``info`` holds a text of its own, or what is masked as a whole."""
    if isinstance(info, inspect.StructType):
        return info.cls in (Location, Reporter)
    return isinstance(info, inspect.StrType | inspect.AnyType) or any(map(says, within(info)))


def test_every_text_of_every_answer_is_of_a_facet_or_known_to_be_of_none() -> None:
    places = {(model.__name__, name) for stands_in in STANDS_IN.values() for model, name in stands_in}
    unclassified = {
        (model.__name__, name)
        for model, fields in parts().items()
        for name, type_ in fields
        if model.__name__ not in OF_A_WHOLE | OF_THEIR_OWN and says(type_) and name not in PLAIN
    } - OF_THE_PACK
    assert unclassified - places == set(), "say of which facet it is, or why of none"
    assert places - {(model.__name__, name) for model, fields in parts().items() for name, _ in fields} == set()
    assert not {name for _, name in places} & PLAIN
    evidence = {(m.__name__, name) for m, fields in parts().items() for name, _ in fields if name == "evidence"}
    assert evidence - {("Export", "evidence")} <= places


def test_who_does_not_see_place_or_enterprise_sees_no_text_that_may_tell_them() -> None:
    assert SEEN_BY.keys() == set(Facet) == STANDS_IN.keys()
    assert SEEN_BY[Facet.TEXT] <= SEEN_BY[Facet.PLACE] & SEEN_BY[Facet.ENTERPRISE]


def test_who_may_ask_about_a_name_sees_the_names() -> None:
    assert TABLE["check_name"].keys() <= SEEN_BY[Facet.ENTERPRISE]


def test_every_cell_that_people_read_is_what_is_answered() -> None:
    block = (DOCS / "access.md").read_text("utf-8").partition("<!-- facets -->\n")[2].partition("<!-- /facets -->")[0]
    header, _, *rows = block.strip().splitlines()
    roles = [name.strip(" `") for name in header.split("|")[2:-1]]
    assert roles == list(Role)
    cells = {
        (name.strip(" `"), role): mark.strip() == "seen"
        for row in rows
        for name, *marks in [row.split("|")[1:-1]]
        for role, mark in zip(roles, marks, strict=True)
    }
    assert cells == {(facet.value, role.value): role in SEEN_BY[facet] for facet in Facet for role in Role}


def test_who_may_have_a_bulletin_compiled_sees_all_that_stands_in_one() -> None:
    """No cell of a bulletin is masked: none says how far a reporter is known."""
    for facet in set(Facet) - {Facet.REPORTER}:
        assert TABLE["see_bulletin"].keys() <= SEEN_BY[facet]
