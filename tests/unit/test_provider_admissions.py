"""The mapping of claims: who of a provider comes in, by which name, as what; and what is wrong with a file."""

from __future__ import annotations

from typing import Any

import pytest

from duban.errors import SettingsError
from duban.messages.commands import ENGINE
from duban.refusal import Refusal
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.provider_admissions import Admitted, ClaimMapping, claim_mapping
from duban_console.accounts.session import Scope
from duban_local import ROOT
from tests.accounts import ADMIN, CLERK, OFFICE

LI = {"sub": "1", "preferred_username": "Li.Na", "name": "李娜"}
HOTLINE = {"sub": "hotline", "client_id": "hotline"}


@pytest.fixture(scope="module")
def mapping() -> ClaimMapping:
    return claim_mapping((ROOT / "docs/example-oidc-mapping.yaml").read_text("utf-8"), "example")


def admitted(outcome: Admitted | Refusal) -> Admitted:
    assert isinstance(outcome, Admitted), outcome
    return outcome


def code(outcome: Admitted | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def test_everything_that_fits_a_person_counts(mapping: ClaimMapping) -> None:
    person = admitted(mapping.person({**LI, "groups": ["supervision-office", "duban-administrators"]}))
    supervisor = Appointment(role=Role.SUPERVISOR, jurisdiction="linyi", unit="督办室")
    assert (person.name, person.full_name, person.scope) == ("li.na", "李娜", Scope.ACT)
    assert person.appointments == (ADMIN, OFFICE, supervisor)
    assert code(mapping.person({**LI, "groups": ["others"]})) == "not_let_in"
    assert code(mapping.person(LI)) == "not_let_in"
    assert code(ClaimMapping().person(LI)) == "not_let_in"


def test_every_claim_named_has_to_fit_and_another_type_than_text_is_read_as_one(mapping: ClaimMapping) -> None:
    clerk = {**LI, "groups": "clerks", "department": "D017"}
    assert admitted(mapping.person({**clerk, "employed": True})).appointments == (CLERK,)
    assert admitted(mapping.person({**clerk, "employed": "true"})).appointments == (CLERK,)
    assert code(mapping.person({**clerk, "employed": False})) == "not_let_in"
    assert code(mapping.person(clerk)) == "not_let_in"


def test_a_unit_stands_in_a_claim_in_words_that_the_file_knows_or_nobody_comes_in(mapping: ClaimMapping) -> None:
    clerk = {**LI, "groups": ["clerks"], "employed": True}
    both = admitted(mapping.person({**clerk, "department": ["D021", "D017", "D999"]}))
    assert [appointment.unit for appointment in both.appointments] == ["市水务局", "市生态环境局"]
    for department in ({}, {"department": "D999"}, {"department": None}, {"department": {"id": "D017"}}):
        assert code(mapping.person({**clerk, **department})) == "not_let_in"


def test_what_a_claim_says_of_a_unit_can_be_no_more_than_a_unit() -> None:
    told = {"role": "unit_clerk", "jurisdiction": {"claim": "city"}, "unit": {"claim": "org.unit"}}
    mapping = ClaimMapping.model_validate({"people": {"admit": [{"when": {"a": "1"}, "appointments": [told]}]}})
    claims: dict[str, Any] = {**LI, "a": 1, "city": "linyi", "org": {"unit": "市生态环境局"}}
    assert admitted(mapping.person(claims)).appointments == (CLERK,)
    assert admitted(mapping.person({**claims, "org.unit": "督办室"})).appointments[0].unit == "督办室"
    assert code(mapping.person({**claims, "city": "*", "org": {"unit": "*"}})) == "reserved_unit"
    for bad in (ENGINE, "*", "a\nb", "x" * 500):
        assert code(mapping.person({**claims, "org": {"unit": bad}})) == "not_let_in"


def test_a_name_that_can_be_none_is_nobodys(mapping: ClaimMapping) -> None:
    groups = {"groups": ["supervision-office"]}
    for name in ("", "李娜", "a b", None, "x" * 65, "-"):
        assert code(mapping.person({**LI, **groups, "preferred_username": name})) == "bad_name"
    assert code(mapping.person({**LI, **groups, "preferred_username": "LOCAL"})) == "reserved_name"
    nameless = admitted(mapping.person({"sub": "1", "preferred_username": "li.na", "name": "\x00\n", **groups}))
    assert nameless.full_name == "li.na"


def test_a_system_is_what_the_first_that_fits_says_and_no_person_who_signed_in_there(mapping: ClaimMapping) -> None:
    system = admitted(mapping.system(HOTLINE))
    assert (system.name, system.scope, system.appointments) == ("hotline", Scope.ACT, (OFFICE,))
    assert code(mapping.system({"sub": "other", "client_id": "other"})) == "not_let_in"
    assert code(mapping.system({**HOTLINE, "sub": "li.na"})) == "not_of_system"
    assert code(ClaimMapping().system(HOTLINE)) == "not_let_in"
    named = mapping.model_dump(mode="json")
    named["systems"]["admit"][0]["when"] = {"sub": "service-1"}
    by_subject = ClaimMapping.model_validate(named)
    assert admitted(by_subject.system({"sub": "service-1", "client_id": "hotline"})).name == "hotline"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("people: [", "m.yaml: line 2"),
        ("persons: {}", "persons: is no field of a claim mapping; it has people, systems"),
        ("people: {admit: []}", "people.admit: names too few"),
        ("people: {admit: [{when: {}, appointments: [{role: administrator}]}]}", "people.admit.0.when"),
        ("people: {admit: [{when: {a: b}, appointments: [{role: clerk}]}]}", "appointments.0.role: is none"),
        ("people: {admit: [{when: {a: b}, appointments: [{role: office, unit: x}]}]}", "jurisdiction"),
        ("people: {admit: [{when: {a: b}, appointments: [{role: auditor, unit: {claim: c}}]}]}", "whole installation"),
        ("systems: {admit: [{when: {a: b}, scope: all, appointments: [{role: auditor}]}]}", "systems.admit.0.scope"),
        ("people: {admit: [{when: {a: true}, appointments: [{role: auditor}]}]}", "people.admit.0.when.a: is no text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named_with_its_place(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        claim_mapping(text, "m.yaml")
    assert str(caught.value).startswith("m.yaml: ")
    assert says in str(caught.value)
