"""What pages offer to be done, by the router's own verdict; and forms, made from commands and read back to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from duban.messages.commands import COMMANDS, Command
from duban.messages.report import stored_evidence
from duban.messages.struct import plain
from duban.moves import Status
from duban.refusal import Refusal
from duban_console.accounts.account import OF_INSTALLATION, WITHOUT_UNIT, Account, Appointment, Role
from duban_console.accounts.session import Principal, Scope
from duban_console.action import ACTIONS, InvalidAction, parsed
from duban_console.ledger import WaitingReport
from duban_console.pages.forms import ActForm, FieldKind, act_form, body_of, refilled, refused
from duban_console.pages.labels import ACTIONS as ACTION_LABELS
from duban_console.pages.labels import FIELDS, REFUSALS, REFUSED_FIELDS
from duban_console.pages.offers import FOR, LEADS_TO, Offer, offers
from duban_console.pages.record_view import record_view
from duban_console.pages.record_words import RecordWords
from duban_router.domain.permission import PERMITTED
from tests.contract.test_messages import MESSAGES
from tests.given import Case

NOW: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
ZONE: Final = ZoneInfo("Asia/Shanghai")
UNITS: Final = ("office", "water", "north", "south", "police")


def somebody(*roles: Role, units: tuple[str, ...] = UNITS) -> Principal:
    appointments = tuple(
        Appointment(role=role, jurisdiction="smallville", unit=unit) for role in roles for unit in units
    )
    return Principal(Account("li", "李娜", NOW, appointments=appointments), Scope.ACT, "s")


#: Whoever may do whatever anybody may in the city, for any unit.
EVERYBODY: Final = somebody(*(role for role in Role if role not in OF_INSTALLATION | WITHOUT_UNIT))


def words_of(case: Case) -> RecordWords:
    return RecordWords("en", str, case.rules)


def forms_of(case: Case, principal: Principal = EVERYBODY) -> dict[str, ActForm]:
    waiting = [WaitingReport(source="tests", id="1", version=1)]
    found = offers(principal, case.record, case.rules)
    return {offer.key: act_form(offer, case.record, words_of(case), waiting) for offer in found}


def test_every_action_has_a_name_and_says_what_may_come_of_it() -> None:
    assert ACTION_LABELS.keys() == LEADS_TO.keys() == ACTIONS.keys()
    assert set(REFUSED_FIELDS) <= set(REFUSALS)


def test_every_field_of_every_action_has_a_name() -> None:
    names = {name for model in ACTIONS.values() for name in model.__struct_fields__} - {"actor"}
    assert names <= FIELDS.keys()


def test_whom_the_pages_offer_an_action_is_whom_the_router_takes_it_from() -> None:
    of_router = {
        action: frozenset(role for role in PERMITTED[model] if role != "engine")
        for action, model in ACTIONS.items()
        if PERMITTED[model] != frozenset({"anyone"})
    }
    assert of_router == FOR


@pytest.mark.parametrize("status", Status)
def test_what_is_offered_is_refused_by_the_router_for_no_right_and_no_status(status: Status) -> None:
    for offer in offers(EVERYBODY, Case.in_status(status, NOW).record, Case.in_status(status, NOW).rules):
        for unit in offer.units:
            case = Case.in_status(status, NOW)
            outcome = case.apply(sample(offer, unit, case))
            code = outcome.code if isinstance(outcome, Refusal) else "done"
            assert code not in {"illegal_move", "not_permitted"}, (offer, unit, outcome)
            assert not code.startswith("is_a_"), (offer, unit, outcome)


@pytest.mark.parametrize("status", Status)
def test_what_is_not_offered_the_router_would_not_take(status: Status) -> None:
    case = Case.in_status(status, NOW)
    offered = {(offer.action, unit) for offer in offers(EVERYBODY, case.record, case.rules) for unit in offer.units}
    for action in ACTIONS:
        for unit in UNITS:
            if (action, unit) not in offered and action not in ("take_step", "waive_step"):
                fresh = Case.in_status(status, NOW)
                outcome = fresh.apply(sample(Offer(action, (unit,)), unit, fresh))
                assert isinstance(outcome, Refusal), (action, unit, outcome)


def sample(offer: Offer, unit: str, case: Case) -> Command:
    """The action as tests write it, with what may be chosen here where something is chosen."""
    command: Any = MESSAGES[f"duban.command.{offer.action}"].data
    body = {**plain(command), "action": offer.action, "actor": {"unit": unit}}
    try:
        form = act_form(offer, case.record, words_of(case), [WaitingReport(source="tests", id="1", version=1)])
    except (AttributeError, KeyError):
        form = None
    for field in form.fields if form is not None else ():
        if field.kind is FieldKind.CHOICE and field.choices and "." not in field.name and field.name != "report":
            body[field.name] = field.choices[0].value
    if "version" in body:
        body["version"] = int(body["version"])
    if offer.step:
        body["step"] = offer.step
    return parsed(body)[0]


def test_a_clerk_of_another_unit_is_offered_nothing() -> None:
    case = Case.in_status(Status.DISPATCHED, NOW)
    assert offers(somebody(Role.CLERK, units=("south",)), case.record, case.rules) == []


def test_a_clerk_of_the_lead_unit_is_offered_to_acknowledge_and_no_strike_off() -> None:
    forms = forms_of(Case.in_status(Status.DISPATCHED, NOW), somebody(Role.CLERK, units=("water",)))
    assert "acknowledge" in forms
    assert not {"hand_back", "dispatch", "strike_off", "verify"} & forms.keys()
    assert next(iter(forms)) == "acknowledge"


def test_a_key_to_read_is_offered_nothing() -> None:
    reader = replace(EVERYBODY, scope=Scope.READ)
    case = Case.in_status(Status.DISPATCHED, NOW)
    assert offers(reader, case.record, case.rules) == []


@pytest.mark.parametrize("action", ACTIONS)
def test_a_form_that_is_filled_in_is_read_as_the_command_that_it_was_made_from(action: str) -> None:
    """What a command says is written into its form as a browser would, and comes out the same."""
    case = Case.in_status(Status.UNDERWAY, NOW)
    command: Any = MESSAGES[f"duban.command.{action}"].data
    step = getattr(command, "step", "")
    form = act_form(Offer(action, ("water",), step), case.record, words_of(case))
    sent = {"unit": ["water"], **dict(written(form, command))}
    evidence = [stored_evidence("0" * 64, "photo.jpg")] if hasattr(command, "evidence") else []
    read, _ = parsed(body_of(form, sent, evidence, ZONE), texts=True)
    assert type(read) is COMMANDS[f"duban.command.{action}"]
    for name in read.__struct_fields__:
        if name not in ("actor", "evidence", "fields"):
            assert getattr(read, name) == getattr(command, name), name
    assert list(getattr(read, "evidence", ())) == evidence


def written(form: ActForm, command: Any) -> Any:
    """The fields of ``form`` as a browser sends them when they say what ``command`` does."""
    for field in form.fields:
        if field.kind is FieldKind.FILES:
            continue
        if field.name == "report":
            yield field.name, [f'["{command.source}", "{command.id}"]']
            continue
        value = command
        for part in field.name.split("."):
            value = getattr(value, part, None) if not isinstance(value, dict) else value.get(part)
        if field.kind is FieldKind.MILESTONES:
            yield "milestone.title", [each.title for each in value or ()]
            yield "milestone.due_at", [local(each.due_at) for each in value or ()]
        elif value is not None:
            yield field.name, as_sent(value, field.kind)


def as_sent(value: Any, kind: FieldKind) -> list[str]:
    if kind is FieldKind.CHOICES:
        return [str(each) for each in value]
    if kind is FieldKind.LINES:
        return ["\r\n".join(value)]
    if kind is FieldKind.INSTANT:
        return [local(value)]
    if kind is FieldKind.YES_OR_NO:
        return ["true" if value else "false"]
    return [str(value)]


def local(at: datetime) -> str:
    return at.astimezone(ZONE).replace(tzinfo=None).isoformat(timespec="microseconds")


def test_a_day_without_a_zone_is_one_of_the_city() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    form = act_form(Offer("plan", ("water",)), case.record, words_of(case))
    sent = {"unit": ["water"], "plan.person": ["Wang"], "plan.target": ["clear"], "plan.measures": ["dig\n\n pump "],
            "plan.due_at": ["2022-05-01T17:00"], "milestone.title": ["half", ""],
            "milestone.due_at": ["2022-04-20T17:00", ""]}  # fmt: skip
    body = body_of(form, sent, [], ZONE)
    assert body["plan"]["due_at"] == "2022-05-01T17:00:00+08:00"
    assert body["plan"]["measures"] == ["dig", "pump"]
    assert body["plan"]["milestones"] == [{"title": "half", "due_at": "2022-04-20T17:00:00+08:00"}]


def test_what_is_missing_is_told_beside_its_field_and_what_was_written_stays() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    form = act_form(Offer("progress", ("water",)), case.record, words_of(case))
    sent = {"unit": ["water"], "reason": ["half done"]}
    with pytest.raises(InvalidAction) as caught:
        parsed(body_of(form, sent, [], ZONE), texts=True)
    again = refused(refilled(form, sent), words_of(case), caught.value.code, caught.value.message, caught.value.field)
    flaws = {field.name: (field.value, bool(field.flaw)) for field in again.fields}
    assert flaws["note"] == ("", True)
    assert flaws["reason"] == ("half done", False)
    assert (again.flaw, again.is_open) == ("", True)


def test_a_refusal_of_the_router_stands_beside_the_field_that_it_is_about_or_above_all() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    form = act_form(Offer("hand_back", ("water",)), case.record, words_of(case))
    beside = refused(form, words_of(case), "missing_clause", "it cites its clause")
    assert [field.name for field in beside.fields if field.flaw] == ["clause"]
    above = refused(form, words_of(case), "gate_shut", "not signed yet: clear")
    assert (above.flaw, above.detail) == (REFUSALS["gate_shut"], "not signed yet: clear")
    strange = refused(form, words_of(case), "never_heard_of", "so it is")
    assert strange.flaw


def test_what_the_pack_knows_is_there_to_be_chosen() -> None:
    forms = forms_of(Case.in_status(Status.UNDERWAY, NOW))
    outcomes = next(field for field in forms["complete"].fields if field.name == "outcome")
    assert (outcomes.kind, "rectified" in {choice.value for choice in outcomes.choices}) == (FieldKind.CHOICE, True)
    assert forms["complete"].takes_files
    leads = next(field for field in forms_of(Case.in_status(Status.REGISTERED, NOW))["dispatch"].fields)
    assert {choice.label for choice in leads.choices} >= {"Water bureau", "Police"}


def test_a_limit_that_is_near_is_yellow_and_one_that_has_passed_is_red() -> None:
    case = Case.in_status(Status.DISPATCHED, NOW)
    limit = min(deadline.lapse_at for deadline in case.record.deadlines)
    for at, lamp in ((limit - timedelta(days=4), "green"), (limit - timedelta(hours=1), "yellow"), (limit, "red")):
        view = record_view(case.record, at, words_of(case), timedelta(days=3))
        assert view.lamp == lamp
        first = view.bars[0]
        assert 0 <= min(first.now_x, first.lapse_x) <= max(first.now_x, first.lapse_x) <= 600
        assert first.is_over == (lamp == "red")
