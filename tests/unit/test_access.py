"""The table of access, held against the page that people read, every route, every action, and the router."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from duban.clock import DrivenClock
from duban.messages.commands import Cause
from duban.messages.records import AnyRecord, Deadline, Duty, Justification, Mark, Problem, Referral, Reward
from duban.messages.struct import Unfit
from duban.moves import Status
from duban.policy.library import Library
from duban_console.accounts.access import (
    ANYBODY,
    BEGINNING,
    BROUGHT,
    DEEDS,
    OF_ACCOUNTS,
    OF_BULLETINS,
    OF_OPERATION,
    OF_POLICIES,
    OF_VAULT,
    ROUTES,
    SEEING,
    SIGNED_IN,
    TABLE,
    THE_ACTION,
    appointments_for,
    may,
    parties,
)
from duban_console.accounts.account import EVERY, OF_INSTALLATION, Account, Appointment, Role
from duban_console.accounts.local_key import APPOINTMENTS
from duban_console.accounts.session import Principal, Scope
from duban_console.action import ACTIONS
from duban_router.domain.permission import PERMITTED
from tests.tools.document_tables import DOCS

AT: Final = datetime(2026, 11, 29, tzinfo=UTC)
OURS, OTHERS, ELSEWHERE = "ecology", "water", "farming"


def principal(*appointments: Appointment, scope: Scope = Scope.ACT) -> Principal:
    return Principal(Account("li", "李娜", AT, appointments=appointments), scope, "s")


def appointed(role: Role, unit: str = OURS) -> Appointment:
    return (
        Appointment(role=role) if role in OF_INSTALLATION else Appointment(role=role, jurisdiction="linyi", unit=unit)
    )


def problem(lead: str | None, jurisdiction: str = "linyi", **fields: Any) -> Problem:
    return Problem(
        id=uuid4(), jurisdiction=jurisdiction, pack="p@1", number="1", title="t", status=Status.DISPATCHED, version=1,
        category="c", channel="c", lead_unit=lead, **fields,
    )  # fmt: skip


#: Records by how near they are: of our unit, of another one, of another city.
RECORDS: Final = {"own": problem(OURS), "city": problem(OTHERS), "all": problem(OURS, "elsewhere")}


def page() -> dict[tuple[str, str], str]:
    """The cells of the table in docs/access.md, by deed and role."""
    block = (DOCS / "access.md").read_text("utf-8").partition("<!-- access -->\n")[2].partition("<!-- /access -->")[0]
    header, _, *rows = block.strip().splitlines()
    roles = [name.strip(" `") for name in header.split("|")[2:-1]]
    cells: dict[tuple[str, str], str] = {}
    for row in rows:
        deed, *marks = (cell.strip(" `") for cell in row.split("|")[1:-1])
        cells |= {(deed, role): mark for role, mark in zip(roles, marks, strict=True)}
    return cells


def test_every_cell_that_people_read_is_what_is_answered() -> None:
    cells = page()
    assert len(cells) == len(DEEDS) * len(Role)
    wrong = []
    for (deed, role), mark in cells.items():
        who = principal(appointed(Role(role)))
        reach = ["own", "city", "all"].index(mark) if mark else -1
        for distance, (near, record) in enumerate(RECORDS.items()):
            if (may(who, deed, record) is None) is not (distance <= reach):
                wrong.append((deed, role, mark, near))
    assert not wrong


def test_every_action_and_every_beginning_stands_in_the_table_once_and_no_other() -> None:
    acts = set(DEEDS) - set(SEEING) - {deed for deed in DEEDS if "vault" in deed or "contact" in deed}
    assert acts - {*OF_ACCOUNTS, *OF_BULLETINS, *OF_OPERATION, *OF_POLICIES} == {*ACTIONS, *BEGINNING, *BROUGHT}
    assert len(DEEDS) == len(set(DEEDS)) == len(TABLE)
    assert all(TABLE.values())
    assert {role for cells in TABLE.values() for role in cells} == set(Role)


def test_every_route_of_the_api_and_of_the_vault_stands_in_the_table() -> None:
    from duban_console.api.app import create_app
    from duban_intake.vault.app import create_app as create_vault

    nothing: Any = None
    apps = [
        create_app(nothing, nothing, DrivenClock(), Library(), None, 1024, nothing),
        create_vault(nothing, nothing, 1024),
    ]
    served = {
        (method, re.sub(r":path\}", "}", route.path))
        for app in apps
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert served == ROUTES.keys()
    assert set(ROUTES.values()) - {ANYBODY, SIGNED_IN, THE_ACTION} <= set(DEEDS)


#: What the roles of the router are called among accounts: who acts for such a unit.
ROLES: Final = {"office": Role.OFFICE, "desk": Role.DESK, "lead": Role.HEAD, "co": Role.HEAD, "owner": Role.HEAD}


def test_whom_the_router_lets_act_the_table_does_not_shut_out() -> None:
    names = {model: name for name, model in ACTIONS.items()}
    shut_out = [
        (names[model], role)
        for model, roles in PERMITTED.items()
        if model in names
        for role in roles
        if role in ROLES and ROLES[role] not in TABLE[names[model]]
    ]
    assert not shut_out
    anyone = [names[model] for model, roles in PERMITTED.items() if model in names and roles == {"anyone"}]
    assert anyone
    assert all({Role.OFFICE, Role.HEAD} <= TABLE[deed].keys() for deed in anyone)


def test_nobody_who_keeps_accounts_or_the_engine_acts_on_a_record_and_who_audits_changes_nothing() -> None:
    changing = {*ACTIONS, *BEGINNING}
    for role in OF_INSTALLATION:
        assert not [deed for deed in changing if role in TABLE[deed]]
    assert all(deed.startswith("see_") or deed == "check_name" for deed in TABLE if Role.AUDITOR in TABLE[deed])
    opening = [deed for deed, cells in TABLE.items() if "vault" in deed and cells.keys() - {Role.CUSTODIAN}]
    assert opening == ["see_vault_log"]


def refusal(*given: Any, **named: Any) -> str:
    why = may(*given, **named)
    assert why is not None
    assert why.reason
    return why.code


def test_a_refusal_says_what_is_missing() -> None:
    clerk = principal(appointed(Role.CLERK))
    assert refusal(principal(), "see_problem") == "no_role"
    assert refusal(clerk, "dispatch", RECORDS["own"]) == "no_role"
    assert refusal(clerk, "see_problem", RECORDS["all"]) == "other_city"
    assert refusal(clerk, "see_problem", RECORDS["city"]) == "no_party"
    assert refusal(clerk, "pledge", jurisdiction="elsewhere") == "other_city"
    assert may(clerk, "pledge", jurisdiction="linyi") is None
    assert may(clerk, "see_problem") is None
    why = may(clerk, "dispatch", RECORDS["own"])
    assert why is not None
    assert why.reason == "li is unit_clerk:linyi:ecology, and dispatch is for office, desk, unit_head"


def test_a_key_to_read_sees_what_its_system_may_and_does_nothing() -> None:
    reads = principal(appointed(Role.OFFICE), appointed(Role.ADMINISTRATOR), scope=Scope.READ)
    for deed in DEEDS:
        codes = {"key_reads_only", "no_role"}
        seen = deed.startswith("see_") or deed == "check_name"
        assert seen or refusal(reads, deed, RECORDS["own"]) in codes
    assert may(reads, "see_problem", RECORDS["city"]) is None
    assert refusal(reads, "acknowledge", RECORDS["own"]) == "key_reads_only"


def test_of_several_appointments_each_counts_where_it_is_for() -> None:
    both = principal(appointed(Role.CLERK), appointed(Role.CLERK, OTHERS), appointed(Role.AUDITOR))
    assert may(both, "acknowledge", RECORDS["own"]) is None
    assert may(both, "acknowledge", RECORDS["city"]) is None
    assert refusal(both, "acknowledge", RECORDS["all"]) == "other_city"
    assert may(both, "see_problem", RECORDS["all"]) is None


def test_the_command_line_of_the_embedded_stack_acts_for_every_unit_and_keeps_no_accounts() -> None:
    local = principal(*APPOINTMENTS)
    for record in RECORDS.values():
        assert not [deed for deed in (*ACTIONS, *SEEING) if may(local, deed, record) is not None]
        assert [each.role for each in appointments_for(local, "acknowledge", record)] == [Role.OFFICE]
    assert not [deed for deed in (*BEGINNING, *BROUGHT) if may(local, deed, jurisdiction="anywhere") is not None]
    keeping = {deed for deed in DEEDS if may(local, deed) is not None}
    assert keeping == {*OF_VAULT, *OF_ACCOUNTS, *OF_OPERATION} - {"see_vault_log", "see_account_log"}


@pytest.mark.parametrize(("jurisdiction", "unit"), [(EVERY, OURS), ("linyi", EVERY)])
def test_every_unit_of_one_city_is_no_appointment(jurisdiction: str, unit: str) -> None:
    with pytest.raises(Unfit, match="in both places or in none"):
        Appointment(role=Role.OFFICE, jurisdiction=jurisdiction, unit=unit)


MARK: Final = Mark(at=AT, version=1)
OWED: Final = Deadline(obligation="o", generation=1, level=0, measure="m", owner=OURS, due_at=AT, lapse_at=AT)
CAUSE: Final = Cause(problem_id=uuid4(), number="1", version=1, pack="p@1")
COMMON: Final[dict[str, Any]] = {
    "id": uuid4(), "jurisdiction": "linyi", "pack": "p@1", "number": "1", "title": "t", "version": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "joins"),
    [
        (problem(OURS), True),
        (problem(None), False),
        (problem(OTHERS), False),
        (problem(OTHERS, withdrawn_from=OURS), False),
        (problem(OTHERS, co_units=(ELSEWHERE, OURS)), True),
        (problem(OTHERS, referrals={OURS: Referral(referred=MARK)}), True),
        (problem(OTHERS, sponsor=OURS), True),
        (problem(OTHERS, pair=OURS), True),
        (problem(OTHERS, deadlines=(OWED,)), True),
        (problem(OTHERS, justifications=(Justification(obligation="o", generation=1, unit=OURS),)), True),
        (Duty(**COMMON, status=Status.UNDERWAY, duty="d", unit=OURS), True),
        (Duty(**COMMON, status=Status.UNDERWAY, duty="d", unit=OTHERS), False),
        (Reward(**COMMON, status=Status.OWED, reward="r", fixed_by=OURS, cause=CAUSE), True),
    ],
)
def test_own_is_whose_it_is_and_who_joins_in_it(record: AnyRecord, joins: bool) -> None:
    assert (OURS in parties(record)) is joins
    assert (may(principal(appointed(Role.CLERK)), "see_duty", record) is None) is joins
