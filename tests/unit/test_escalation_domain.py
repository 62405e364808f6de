"""The laws of escalation's core: what a due deadline says, what a measure does, what a notice says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.commands import Approve, Escalate
from duban.messages.envelope import Message, decode, derived_id, encode
from duban.messages.events import GENESIS, PROBLEMS, LedgerEvent, Refused
from duban.messages.notices import Concern
from duban.moves import Status
from duban.policy.model.entry import Text
from duban.policy.model.ladder import Measure, MeasureKind
from duban.policy.rules import Rules
from duban_escalation.domain import Armed, armed, escalate, fired_anew
from duban_escalation.heard import HEARD, HEEDED
from duban_escalation.measures import effect, measure_taken, notices_for
from duban_router.domain.decision import Decided
from tests.given import Case, ledger_event, report, small_rules

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


def escalated(case: Case, obligation: str = "acknowledge") -> LedgerEvent:
    """The event of the next level of ``obligation``, taken at its instant."""
    deadline = case.deadline(obligation)
    case.now = max(case.now, deadline.due_at)
    outcome = case.escalate(deadline)
    assert isinstance(outcome, Decided)
    event, problem = outcome.steps[-1]
    return ledger_event(event, problem)


def rules_with(**changed: object) -> Rules:
    """The small pack with every measure changed."""
    rules = small_rules()
    measures = tuple(one.model_copy(update=changed) for one in rules.pack.measures)
    return Rules(rules.pack.model_copy(update={"measures": measures}), rules.calendar)


def test_every_deadline_of_the_state_is_armed_at_its_instant_under_a_derived_command() -> None:
    problem = Case.in_status(Status.DISPATCHED, AT).problem
    held = list(armed(problem, 3))
    assert [one.obligation for one in held] == [one.obligation for one in problem.deadlines]
    for one in held:
        assert one.fire_at == one.due_at
        assert one.command == derived_id(
            "escalate", problem.id, one.obligation, one.part or "", one.generation, one.level
        )
        assert (one.partition, one.jurisdiction) == (3, "smallville")


@pytest.mark.parametrize("status", [Status.DISPATCHED, Status.STRUCK_OFF, Status.LISTED, Status.AWARDED])
def test_what_is_read_of_an_event_gives_the_same_deadlines_as_all_of_it(status: Status) -> None:
    case = Case.in_status(status, AT)
    record = case.record
    for event in case.events:
        told = encode(Message("1", "duban/router", case.id, AT, "smallville", case.id, ledger_event(event, record)))
        whole, heard = (decode(told.key, told.value, told.headers, types).data for types in (PROBLEMS, HEARD))
        assert isinstance(whole, LedgerEvent)
        assert not isinstance(heard, Refused)
        assert list(armed(heard.record, 3)) == list(armed(whole.record, 3))
        for name in ("id", "status", "version"):
            assert getattr(heard.record, name) == getattr(whole.record, name)
        assert (heard.event.version, heard.event.at) == (whole.event.version, whole.event.at)
        assert isinstance(heard, LedgerEvent) == isinstance(event.change, HEEDED)


def test_an_escalate_says_what_the_router_needs_and_is_ordered_with_its_problem() -> None:
    problem = Case.in_status(Status.DISPATCHED, AT).problem
    deadline = next(armed(problem, 0))
    message = escalate(deadline, AT)
    assert message.key == message.subject == str(problem.id)
    assert (message.id, message.time, message.cause) == (str(deadline.command), AT, None)
    record = encode(message)
    assert decode(record.key, record.value, record.headers, {Escalate.TYPE: Escalate}) == message
    assert message.data.actor.unit == "duban"


def test_the_router_grants_what_is_fired_and_the_ladder_is_climbed_level_by_level() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    measures = [escalated(case).event.change for _ in range(3)]
    assert [one.measure for one in measures] == ["reminder", "bulletin", "interview"]  # type: ignore[union-attr]
    assert "acknowledge" not in [one.obligation for one in armed(case.problem, 0)]


def test_each_recipient_gets_one_notice_with_an_id_that_follows_from_the_event() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    escalated(case)
    event = escalated(case)
    notices = notices_for(event, case.rules)
    assert [one.key for one in notices] == [one.data.recipient for one in notices] == ["water", "office"]
    assert [one.id for one in notices] == [
        str(derived_id("notice", case.problem.id, event.event.version, unit)) for unit in ("water", "office")
    ]
    assert notices == notices_for(event, case.rules)
    assert {one.time for one in notices} == {one.data.issued_at for one in notices} == {event.event.at}
    assert notices[0].cause == f"{case.problem.id}/{event.event.version}"
    assert notices[0].data.text == "Water bureau is late with SV-2022-0001 (foul water)"


def test_texts_show_instants_in_the_local_time_of_the_pack() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    event = escalated(case)
    assert isinstance(event.event.change, c.Reminded)
    lapse_at = event.event.change.lapse_at
    local = (lapse_at + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M")
    (notice,) = notices_for(event, case.rules)
    assert notice.data.text == f"SV-2022-0001: Acknowledge is due on {local}"


NEW_YEARS_EVE = datetime(2026, 12, 31, 2, tzinfo=UTC)  # the notice of 2027 is not out


def test_what_a_notice_of_holidays_may_still_move_is_marked_where_it_is_told() -> None:
    case = Case.in_status(Status.DISPATCHED, NEW_YEARS_EVE)
    assert case.deadline("acknowledge").provisional
    event = escalated(case)
    (notice,) = notices_for(event, case.rules)
    lapse_at = notice.data.lapse_at + timedelta(hours=8)
    assert notice.data.provisional
    assert notice.data.text == f"SV-2026-0001: Acknowledge is due on {lapse_at:%Y-%m-%d %H:%M}（暂定）"
    english = case.rules.pack.model_copy(update={"title": Text(en="Smallville")})
    (notice,) = notices_for(event, Rules(english, case.rules.calendar))
    assert notice.data.text.endswith(f"{lapse_at:%Y-%m-%d %H:%M} (provisional)")


def test_a_measure_that_waited_for_approval_is_still_marked_when_it_is_released() -> None:
    case = Case.in_status(Status.DISPATCHED, NEW_YEARS_EVE)
    case.rules = rules_with(approval="office", text="{unit} was due on {lapse_date}")
    escalated(case)
    version = escalated(case).event.version
    event, problem = case.done(do.Approve, "office", version=version).steps[-1]
    notices = notices_for(ledger_event(event, problem), case.rules)
    assert notices
    assert all(one.data.provisional and one.data.text.endswith("（暂定）") for one in notices)


def test_texts_call_things_by_their_chinese_titles_where_there_are_any() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    event = escalated(case)
    rules = rules_with(text="{measure}|{category}|{lapse_date}", title=Text(en="Reminder", zh="提醒"))
    day = event.event.change.lapse_at.date().isoformat()  # type: ignore[union-attr]
    assert notices_for(event, rules)[0].data.text == f"提醒|River|{day}"


def test_a_public_measure_is_told_to_the_public_as_well() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    event = escalated(case)
    assert [one.key for one in notices_for(event, case.rules)] == ["water"]
    public = notices_for(event, rules_with(public=True))
    assert [one.key for one in public] == ["water", "public"]
    assert all(one.data.public for one in public)


def test_what_is_public_does_not_tell_who_somebody_is_and_what_is_not_tells_all() -> None:
    case = Case(AT)
    case.registered(
        report(title="举报人电话13000000000，身份证号000000190001010000，反映冒黑烟", category="river", area="north")
    )
    escalated(case)
    event = escalated(case)
    notices = {
        one.data.recipient: one.data for one in notices_for(event, rules_with(public=True, text="{number}“{title}”"))
    }
    assert notices["public"].text == "SV-2022-0001“举报人电话***，身份证号***，反映冒黑烟”"
    assert notices["public"].title == "举报人电话***，身份证号***，反映冒黑烟"
    assert notices["water"].text == notices["public"].text
    [told, _] = notices_for(event, rules_with(text="{number}“{title}”"))
    assert told.data.text == f"SV-2022-0001“{case.problem.title}”"
    assert event.record.title == told.data.title == case.problem.title


def test_where_a_clerk_looks_at_public_texts_the_office_is_told_first_and_the_public_when_it_approves() -> None:
    measures = [
        {**measure.model_dump(exclude_none=True), "public": measure.id == "bulletin", "flag": None, "issuers": ()}
        for measure in small_rules().pack.measures
    ]
    case = Case.in_status(Status.DISPATCHED, AT, public_texts="by_clerk", measures=measures)
    escalated(case)
    event = escalated(case)
    assert isinstance(event.event.change, c.Escalated)
    assert event.event.change.approval == "office"
    [asked] = notices_for(event, case.rules)
    assert (asked.key, asked.data.public) == ("office", False)
    assert measure_taken(event, case.rules) is None
    (version,) = case.problem.awaiting_approval
    case.done(Approve, "office", version=version)
    approved = ledger_event(case.events[-1], case.problem)
    assert [one.key for one in notices_for(approved, case.rules)] == ["water", "office", "public"]


def test_an_approval_that_is_waited_for_says_so_and_looks_different_from_the_measure() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    case.rules = rules_with(approval="office", public=True)
    escalated(case)  # a reminder waits for nobody
    asked = escalated(case)
    (request,) = notices_for(asked, case.rules)
    version = asked.event.version
    assert (request.key, request.data.concern, request.data.version) == ("office", Concern.ASKED, version)
    assert not request.data.public
    draft = request.data.text.partition("What would go out: ")[2]
    assert request.data.text.startswith("Approval is asked for: Bulletin, against Water bureau, on SV-2022-0001.")
    assert f"(event {version})" in request.data.text
    case.done(Approve, "office", version=version)
    told = notices_for(LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem), case.rules)
    assert [(one.key, one.data.concern, one.data.version) for one in told] == [
        ("water", Concern.TOLD, None),
        ("office", Concern.TOLD, None),
        ("public", Concern.TOLD, None),
    ]
    assert {one.data.text for one in told} == {draft}


def test_an_approval_is_asked_for_in_the_language_of_the_measure() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    case.rules = rules_with(approval="office", title=Text(en="Bulletin", zh="通报"), text="{number}请办理")
    escalated(case)  # a reminder waits for nobody
    asked = escalated(case)
    (request,) = notices_for(asked, case.rules)
    assert request.data.text == (
        "【待审批】拟对Water bureau采取“通报”（SV-2022-0001）。批准前不执行，也不告知其他单位；"
        f"请批准，或说明理由不予批准（事件{asked.event.version}）。\n拟发文书：SV-2022-0001请办理"
    )


@pytest.mark.parametrize("status", [Status.DISPATCHED, Status.UNDERWAY, Status.STRUCK_OFF])
def test_other_events_tell_nobody_and_record_nothing(status: Status) -> None:
    case = Case.in_status(status, AT)
    event = LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem)
    assert notices_for(event, case.rules) == []
    assert measure_taken(event, case.rules) is None


def test_a_measure_is_recorded_against_the_owner_of_the_obligation() -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    event = escalated(case)
    taken = measure_taken(event, case.rules)
    assert taken is not None
    assert (taken.kind, taken.owner, taken.level, taken.at) == (MeasureKind.REMINDER, "water", 1, event.event.at)


def test_every_kind_of_measure_has_an_effect_and_few_stand_on_a_board() -> None:
    boards = {kind: effect(kind).board for kind in MeasureKind}
    standing = {MeasureKind.EXPOSURE, MeasureKind.LISTED_SUPERVISION, MeasureKind.CARD, MeasureKind.CREDIT}
    assert {kind for kind, board in boards.items() if board} == standing
    assert [kind for kind in MeasureKind if effect(kind).standing] == [MeasureKind.LISTED_SUPERVISION]
    assert Measure.model_fields["kind"].annotation is MeasureKind


def held(command: UUID | None = None) -> Armed:
    id_ = derived_id("problem")
    return Armed(id_, "rectify", None, 2, 1, AT, AT, command or derived_id("c"), 0, "smallville")


def refused(code: str, at: datetime = AT, version: int = 3) -> Refused:
    actor = escalate(held(), AT).data.actor
    return Refused(
        command="c", command_type=Escalate.TYPE, actor=actor, at=at, code=code, reason="because", version=version
    )


def test_what_came_too_early_by_the_brokers_clock_fires_again_when_that_clock_has_come_round() -> None:
    now = AT + timedelta(milliseconds=1)
    behind = timedelta(milliseconds=250)
    again = fired_anew(held(), refused("not_due", AT - behind), AT - behind, 3, now)
    assert again == replace(held(), command=derived_id("again", held().command), fire_at=now + behind)


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
def test_it_waits_at_least_a_little_and_never_longer_than_a_minute(behind: timedelta) -> None:
    again = fired_anew(held(), refused("not_due", AT - behind), AT - behind, 3, AT)
    assert again is not None
    assert timedelta(milliseconds=1) <= again.fire_at - AT <= timedelta(minutes=1)


def test_an_answer_of_long_ago_that_is_given_again_makes_nothing_wait() -> None:
    now = AT + timedelta(minutes=5)
    again = fired_anew(held(), refused("not_due", AT - timedelta(hours=1)), now, 3, now)
    assert again is not None
    assert again.fire_at - now == timedelta(milliseconds=1)


def test_what_stands_again_after_it_had_moved_on_fires_under_a_new_id() -> None:
    assert fired_anew(held(), refused("moved_on", version=3), AT, 3, AT) is None
    again = fired_anew(held(), refused("moved_on", version=3), AT, 5, AT + timedelta(seconds=1))
    assert again is not None
    assert (again.command, again.fire_at) == (derived_id("again", held().command), AT + timedelta(seconds=1))


def test_each_new_attempt_has_an_id_of_its_own() -> None:
    ids = [held().command]
    for _ in range(4):
        again = fired_anew(held(ids[-1]), refused("not_due"), AT, 3, AT)
        assert again is not None
        ids.append(again.command)
    assert all(one != other for one, other in pairwise(ids))
    assert len(set(ids)) == 5


@pytest.mark.parametrize("code", ["unknown_problem", "not_permitted", "illegal_move"])
def test_any_other_refusal_is_final(code: str) -> None:
    assert fired_anew(held(), refused(code), AT, 9, AT) is None
