"""Who stands on a list as of an instant: what counts, since when, until when; and what is told of a reward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest

from duban.messages import commands as do
from duban.messages.handle import handle_of
from duban.messages.records import Listing, Reward
from duban.messages.struct import replace
from duban.moves import Status
from duban_console.listings import Entry, entry_of, listed, written_otherwise
from duban_console.rewards import reward_told
from tests.given import CODE, SEAL, Case

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(record: Listing, at: datetime) -> Entry:
    found = entry_of(record, at)
    assert found is not None
    return found


R = TypeVar("R", Listing, Reward)


def open_to_notice(record: R) -> R:
    """The record with limits that a notice of holidays may still move."""
    return replace(record, deadlines=tuple(replace(limit, provisional=True) for limit in record.deadlines))


def served() -> Case:
    """An entry that was noticed on NOW, counts five days later, and ends after two years."""
    case = Case.in_status(Status.NOTICED, NOW)
    case.lapse("notice")
    return case


def test_an_entry_in_notice_does_not_count_and_says_until_when_one_may_answer() -> None:
    record = Case.in_status(Status.NOTICED, NOW).listing
    told = entry(record, NOW)
    assert (told.status, told.since, told.until) == (Status.NOTICED, NOW, NOW + 5 * DAY)
    assert not told.provisional
    assert entry(open_to_notice(record), NOW).provisional
    check = listed("Acme", [record], NOW)
    assert (check.listed, check.entries) == (False, ())
    assert [one.status for one in listed("Acme", [record], NOW, everything=True).entries] == ["noticed"]


def test_an_entry_counts_from_its_listing_to_the_last_moment_of_its_term() -> None:
    """Two years, from the moment the notice was over. GO-11"""
    record = served().listing
    begins, ends = NOW + 5 * DAY, datetime(2024, 4, 11, 2, tzinfo=UTC)
    told = entry(record, begins)
    assert (told.status, told.since, told.until) == (Status.LISTED, begins, ends)
    moments = {
        begins - timedelta(microseconds=1): False, begins: True, ends - timedelta(microseconds=1): True, ends: False,
    }  # fmt: skip
    assert {at: listed("Acme", [record], at).listed for at in moments} == moments


def test_what_has_ended_stood_on_the_list_in_its_time_and_not_after() -> None:
    case = served()
    case.advance(days=30)
    case.done(do.TakeOffList, "office", evidence=[SEAL], reason="all is made good")
    assert entry(case.listing, case.now - DAY).status is Status.LISTED
    assert entry(case.listing, case.now - DAY).until == case.now
    after = entry(case.listing, case.now)
    assert (after.status, after.since, after.until) == (Status.DELISTED, case.now, None)


def test_whoever_answers_in_time_does_not_stand_on_the_list_before_the_decision() -> None:
    case = Case.in_status(Status.NOTICED, NOW)
    case.advance(days=1)
    case.done(do.Appeal, "office", text="not us")
    contested = entry(case.listing, case.now)
    assert (contested.status, contested.since) == (Status.CONTESTED, case.now)
    assert contested.until == case.deadline("appeal").lapse_at
    case.advance(days=1)
    case.done(do.DecideAppeal, "water", upheld=False, reason="it was them")
    assert [entry(case.listing, case.now - one * DAY).status for one in (0, 1, 2)] == ["listed", "contested", "noticed"]


def test_entries_of_the_same_name_written_otherwise_are_told_until_they_are_off_the_list() -> None:
    case = served()
    record, new = case.listing, str(uuid4())
    [same] = written_otherwise("ＡＣＭＥ", [record], new, case.now)
    assert (same.of, same.number, same.id, same.status) == (record.of, record.number, str(record.id), "listed")
    assert written_otherwise(record.of, [record], new, case.now) == ()
    assert written_otherwise("ＡＣＭＥ", [record], str(record.id), case.now) == ()
    assert written_otherwise("ＡＣＭＥ", [record], new, case.now + 800 * DAY) == ()


def test_there_is_no_entry_before_it_was_made() -> None:
    assert entry_of(Case.in_status(Status.NOTICED, NOW).listing, NOW - timedelta(microseconds=1)) is None


def test_an_entry_says_what_it_bars_from_and_why_it_was_made() -> None:
    told = entry(served().listing, NOW + 6 * DAY)
    assert (told.list, told.title, told.of, told.ground) == ("blacklist", "Blacklist", "Acme", "repeated")
    assert (told.bars, told.public, told.keeper) == (("new projects", "subsidies"), True, "office")
    assert told.cause is not None
    assert told.cause.number == "SV-2022-0001"


@pytest.mark.parametrize("status", [Status.OWED, Status.AWARDED, Status.SETTLED])
def test_what_is_told_of_a_reward_is_never_whose_it_is(status: Status) -> None:
    case = Case.in_status(status, NOW)
    told = reward_told(case.reward, case.rules.pack)
    assert handle_of(CODE) not in told.model_dump_json()
    assert told.status is status


def test_a_reward_says_its_range_then_its_amount_until_when_and_who_pays() -> None:
    case = Case.in_status(Status.OWED, NOW)
    owed = reward_told(case.reward, case.rules.pack)
    assert (owed.amount, owed.at_least, owed.at_most, owed.currency) == (None, 1000, 30000, "CNY")
    assert (owed.fixes.unit, owed.until) == ("office", case.deadline("amount").lapse_at)
    assert not owed.provisional
    assert reward_told(open_to_notice(case.reward), case.rules.pack).provisional
    case.done(do.Award, "office", amount=3000)
    awarded = reward_told(case.reward, case.rules.pack)
    assert (awarded.amount, awarded.at_least, awarded.until) == (3000, None, NOW + 90 * DAY)
    assert awarded.pays is not None
    assert (awarded.pays.unit, awarded.ended) == ("water", None)
    case.done(do.Collect, "water", code=CODE)
    assert reward_told(case.reward, case.rules.pack).ended == "collected"


def test_a_reward_whose_pack_is_not_here_is_told_without_what_the_pack_says() -> None:
    told = reward_told(Case.in_status(Status.AWARDED, NOW).reward, None)
    assert (told.amount, told.currency, told.pays) == (3000, None, None)
