"""The responsibility list: the first line that takes a report names its units, and nothing is unrouted."""

from __future__ import annotations

import csv
import json
from functools import cache

import pytest

from duban.policy import PolicyPack, Rules, load_pack
from duban.policy.laws import breaches
from duban_router.domain.responsibility import Assignment, assign
from tests.acceptance.timeline import rules_of
from tests.given import ROOT, SMALL, report, small_rules

REQUESTS = ROOT / "deploy/demo/boston-2015.csv"


def assigned(rules: Rules, category: str, **said: object) -> Assignment:
    assignment = assign(report(jurisdiction=rules.pack.jurisdiction, category=category, **said), category, None, rules)
    assert assignment is not None
    return assignment


def small_with(*lines: dict[str, object], always: tuple[str, ...] = ()) -> Rules:
    """The small pack with another responsibility list, which breaks no law."""
    told = load_pack(SMALL.read_text("utf-8"), SMALL.name).model_dump(mode="json", exclude_none=True)
    told |= {"responsibility_list": [{"clause": "art. 1", **line} for line in lines], "always_responsible": always}
    pack = PolicyPack.model_validate_json(json.dumps(told))
    assert list(breaches(pack)) == []
    return Rules(pack, small_rules().calendar)


def test_the_clause_of_the_line_is_cited() -> None:
    assert assigned(small_rules(), "river") == Assignment("water", (), "art. 1")


def test_what_no_line_takes_goes_to_the_desk() -> None:
    assert assigned(small_rules(), "other", area="north") == Assignment("office", (), "practice", matched=False)


def test_the_unit_of_the_nearest_area_around_answers_for_the_place() -> None:
    assert assigned(small_rules(), "noise", area="north-town").lead_unit == "north"


def test_a_territorial_line_passes_on_what_has_no_area() -> None:
    rules = small_with({"categories": ["noise"], "lead": "@territorial"}, {"categories": ["noise"], "lead": "water"})
    assert assigned(rules, "noise").lead_unit == "water"
    assert assigned(rules, "noise", area="south").lead_unit == "south"


def test_always_responsible_units_join_every_line_but_never_twice() -> None:
    assert assigned(small_rules(), "river", area="north").co_units == ("north",)
    assert assigned(small_rules(), "noise", area="north").co_units == ("water",)
    rules = small_with({"lead": "north", "co": ["water"]}, always=("water", "@territorial", "north"))
    assert assigned(rules, "river", area="south").co_units == ("water", "south")


def test_the_first_line_wins_and_an_area_takes_what_lies_in_it() -> None:
    rules = small_with(
        {"areas": ["north"], "channels": ["patrol"], "lead": "north"}, {"categories": ["river"], "lead": "water"}
    )
    assert assigned(rules, "river", area="north-town", channel="patrol").lead_unit == "north"
    assert assigned(rules, "river", area="north-town", channel="hotline").lead_unit == "water"
    assert assigned(rules, "river", area="south", channel="patrol").lead_unit == "water"


@cache
def requests() -> list[dict[str, str]]:
    with REQUESTS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_boston_knows_every_name_in_its_requests() -> None:
    rules = rules_of("boston-311")
    for row in requests():
        assert row["TYPE"] in rules.categories
        assert row["Source"] in rules.channels
        assert rules.units[row["QUEUE"]].parent == row["Department"]
        assert row["neighborhood"] in {"", *rules.areas}
        assert row["CLOSURE_REASON"] in {"", *rules.pack.closing.outcomes}


def test_boston_finds_the_queue_of_five_requests_in_six() -> None:
    """These five hundred were chosen for their rare cases; of all 3,342 the list finds 96 in 100."""
    rules = rules_of("boston-311")
    hits = sum(
        assigned(rules, row["TYPE"], channel=row["Source"], area=row["neighborhood"] or None).lead_unit == row["QUEUE"]
        for row in requests()
    )
    assert hits == 420


@pytest.mark.parametrize(
    ("neighborhood", "queue"),
    [
        ("East Boston", "PWDx_District 09: East Boston"),
        ("Allston", "PWDx_District 04: Allston/Brighton"),
        (None, "INFO_Reallocation From Dept"),
    ],
)
def test_litter_goes_to_the_district_of_its_neighborhood(neighborhood: str | None, queue: str) -> None:
    found = assigned(rules_of("boston-311"), "Illegal Dumping", channel="Self Service", area=neighborhood)
    assert found.lead_unit == queue
