"""The laws of random draws: what is drawn follows from seed and ledger alone, whom a list spares, and what is cited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.messages import commands as do
from duban.messages.envelope import derived_id
from duban.messages.struct import from_data
from duban.moves import Status
from duban.policy.model.draw import DrawRule
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_console.inspection_draw import Draw, Snapshot, command_id, draw, openings, rank, standing
from duban_router.domain.decision import Decided, decide
from tests.given import SEAL, Case, report, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)
SEED = "02 08 11 18 26 33"
#: The draw of the small pack: a quarter of what was struck off of rivers and noise; the exemplary are spared.
RULE = small_rules().pack.draws[0]


def struck_off(name: str, **said: object) -> Case:
    """A problem of the small city that was put right and struck off."""
    case = Case(NOW)
    case.id = str(derived_id(name))
    case.registered(report(**{"area": "north", "channel": "patrol", **said}))
    lead = case.problem.lead_unit or ""
    case.done(do.Acknowledge, lead)
    case.done(do.Complete, lead, outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed().done(do.StrikeOff, "office")
    return case


def exemplary(name: str) -> Case:
    """An entry on the list that spares, in force at once."""
    case = Case(NOW)
    case.id = str(derived_id("entry", name))
    entry = {"list": "exemplary", "of": name, "ground": "clean", "actor": {"unit": "office"}, "evidence": [SEAL]}
    assert isinstance(case.apply(from_data(entry, do.PutOnList)), Decided)
    return case


def ledger(*cases: Case, rules: Rules | None = None) -> list[Snapshot]:
    return list(standing([event for case in cases for event in case.events], lambda _: rules or small_rules()))


def drawn(*cases: Case, rule: DrawRule = RULE, seed: str = SEED, at: datetime = NOW) -> Draw:
    return draw(rule, "small@1", seed, at, ledger(*cases))


def opened(found: Draw, rule: DrawRule = RULE) -> list[Case]:
    """The checks that the draw opens."""
    checks = []
    for message in openings(found, rule, "smallville", NOW):
        outcome = decide(None, message, small_rules(), NOW, allocated=0)
        assert isinstance(outcome, Decided), outcome
        case = Case(NOW)
        case.id, case.standing = message.subject, outcome.record
        case.events += [event for event, _ in outcome.steps]
        checks.append(case)
    return checks


def numbered(number: int, **said: object) -> DrawRule:
    return RULE.model_copy(update={"share": None, "number": number, **said})


#: Twelve problems, each of a firm of its own.
TWELVE = [struck_off(f"case {n}", enterprise=f"Works {n}") for n in range(12)]


def test_the_order_is_what_anybody_gets_from_a_shell() -> None:
    """``printf '%s %s' '2 8 11' 7e57ed00-0000-5000-8000-000000000001 | sha256sum``"""
    assert rank("2 8 11", UUID("7e57ed00-0000-5000-8000-000000000001")) == (
        "65ad31b977f81cd665b3c3024f338169ba7342d2df4c29a788b72a7cc7d75965"
    )


@given(seed=st.text(min_size=1, max_size=20), turn=st.randoms(use_true_random=False))
def test_the_same_seed_and_ledger_give_the_same_draw_in_whatever_order_it_is_read(seed: str, turn: Random) -> None:
    shuffled = turn.sample(TWELVE, len(TWELVE))
    found = drawn(*shuffled, seed=seed)
    assert found.drawn == drawn(*TWELVE, seed=seed).drawn
    lowest = sorted(rank(seed, UUID(case.id)) for case in TWELVE)[:3]
    assert [lot.hash for lot in found.drawn] == lowest


def test_every_candidate_may_be_drawn_and_another_seed_draws_others() -> None:
    draws = [frozenset(lot.id for lot in drawn(*TWELVE, seed=str(seed)).drawn) for seed in range(60)]
    assert frozenset.union(*draws) == {UUID(case.id) for case in TWELVE}
    assert len(set(draws)) > 40


@pytest.mark.parametrize(("candidates", "many"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_share_is_rounded_up(candidates: int, many: int) -> None:
    assert len(drawn(*TWELVE[:candidates]).drawn) == RULE.many(candidates) == many


@pytest.mark.parametrize(("number", "many"), [(1, 1), (12, 12), (13, 12)])
def test_a_number_is_drawn_as_far_as_there_are_so_many(number: int, many: int) -> None:
    assert len(drawn(*TWELVE, rule=numbered(number)).drawn) == many


def test_only_what_the_rule_names_is_drawn() -> None:
    other = struck_off("other", category="noise")
    named = struck_off("other channel")
    underway = Case.in_status(Status.UNDERWAY, NOW)
    rivers = RULE.model_copy(update={"categories": ("river",)})
    assert [lot.id for lot in drawn(other, underway, named, rule=rivers).drawn] == [UUID(named.id)]
    assert drawn(named, rule=RULE.model_copy(update={"channels": ("hotline",)})).candidates == 0
    verified = RULE.model_copy(update={"statuses": (Status.VERIFIED, Status.UNDERWAY)})
    assert [lot.id for lot in drawn(other, underway, named, rule=verified).drawn] == [UUID(underway.id)]


def test_whoever_stands_on_the_list_that_spares_is_not_drawn_but_for_a_complaint() -> None:
    """The name is compared as a list is asked: NFKC, without white space around it. LY-13"""
    found = struck_off("found by a patrol", enterprise="Ｃlean Works　")
    complained = struck_off("complained of", enterprise="Clean Works", channel="hotline")
    entry = exemplary("Clean Works")
    told = drawn(found, complained, entry)
    assert [lot.id for lot in told.drawn] == [UUID(complained.id)]
    assert [(one.number, one.entry) for one in told.spared] == [(found.problem.number, entry.listing.number)]
    assert drawn(found, complained, exemplary("Other Works")).candidates == 2


def test_a_list_spares_from_its_entry_to_the_last_moment_of_its_term() -> None:
    """The end of the term counts even where nobody has entered it. LY-13"""
    case, entry = struck_off("found", enterprise="Clean Works"), exemplary("Clean Works")
    ends_at = entry.deadline("term").lapse_at
    assert drawn(case, entry, at=ends_at - timedelta(microseconds=1)).candidates == 0
    assert drawn(case, entry, at=ends_at).candidates == 1
    early = {"actor": {"unit": "office"}, "evidence": [SEAL], "reason": "a spill"}
    assert isinstance(entry.apply(from_data(early, do.TakeOffList)), Decided)
    assert drawn(case, entry).candidates == 1


def test_each_drawn_problem_is_a_check_that_says_all_it_takes_to_draw_again() -> None:
    found = drawn(*TWELVE)
    checks = opened(found)
    assert [case.duty.unit for case in checks] == ["office"] * 3
    for lot, case in zip(found.drawn, checks, strict=True):
        assert case.duty.number == f"spot-check/office/{lot.number}/{lot.version}"
        assert case.deadline("spot-check").lapse_at > NOW
        (event,) = case.events
        assert (event.actor.unit, event.actor.person) == ("duban", "draw")
        assert event.command == command_id(RULE, "smallville", SEED, lot.id)
        said = "draw spot-checks with the seed 02 08 11 18 26 33 as of 2022-04-06T02:00:00+00:00: 3 drawn of 12"
        assert event.reason.startswith(said)


def test_the_same_draw_again_is_the_same_and_another_one_leaves_out_what_is_checked_already() -> None:
    first = drawn(*TWELVE)
    checks = opened(first)
    before = {lot.id for lot in first.drawn}
    again, other = drawn(*TWELVE, *checks), drawn(*TWELVE, *checks, seed="other")
    assert (again.drawn, again.checked) == (first.drawn, ())
    assert [one.id for one in openings(again, RULE, "smallville", NOW)] == [
        one.id for one in openings(first, RULE, "smallville", NOW)
    ]
    assert {one.id for one in other.checked} == before
    assert before.isdisjoint({lot.id for lot in other.drawn})
    checks[0].done(do.Complete, "office", outcome="checked")
    assert {one.id for one in drawn(*TWELVE, *checks, seed="other").checked} == before


def test_what_has_changed_since_its_check_is_drawn_again() -> None:
    case = struck_off("drawn before")
    (check,) = opened(drawn(case))
    case.done(do.LookBack, "office", truthful=True, timely=True, effective=True, evidence=[SEAL])
    assert drawn(case, check, seed="other").candidates == 0  # the check is still owed
    check.done(do.Complete, "office", outcome="checked")
    assert drawn(case, check, seed="other").candidates == 1


# What a completed problem cites


@pytest.mark.parametrize(
    ("outcome", "items", "code"),
    [
        ("penalized", ["EN-01", "EN-03"], "unknown_item"),
        ("rectified", ["EN-03"], "unknown_item"),
        ("penalized", [], "missing_item"),
    ],
)
def test_a_completion_that_miscites_is_refused(outcome: str, items: list[str], code: str) -> None:
    """LY-09"""
    refused = Case.in_status(Status.UNDERWAY, NOW).act(do.Complete, "water", outcome=outcome, items=items)
    assert isinstance(refused, Refusal)
    assert refused.code == code


def test_an_item_is_cited_once_and_stands_until_the_work_is_sent_back() -> None:
    """LY-09"""
    case = Case.in_status(Status.UNDERWAY, NOW)
    case.done(do.Complete, "water", outcome="penalized", items=["EN-02", "EN-01", "EN-02"])
    assert case.problem.items == ("EN-02", "EN-01")
    case.done(do.Verify, "office", passed=False, reason="still foul")
    assert not case.problem.items


def test_a_pack_without_a_catalogue_knows_no_item() -> None:
    closing = {**small_rules().pack.closing.model_dump(exclude_none=True), "items": (), "item_for": ()}
    case = Case(NOW, closing=closing)
    assert rules_with(closing=closing).pack.closing.items == ()
    case.registered(report(area="north"))
    case.done(do.Acknowledge, "water")
    refused = case.act(do.Complete, "water", outcome="rectified", items=["EN-01"])
    assert isinstance(refused, Refusal)
    assert refused.code == "unknown_item"
