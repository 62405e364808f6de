"""What a pack may say of assessment and bulletins, periods on the local clock, and events from files."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import ValidationError

from duban.errors import Undecodable
from duban.messages.events import canonical
from duban.messages.struct import plain
from duban.moves import Stage, Status
from duban.policy.laws.assessment import strangers
from duban.policy.model.assessment import (
    FITTING,
    MORE_IS_BETTER,
    USUAL,
    Assessment,
    Bulletin,
    BulletinKind,
    Column,
    Indicator,
    IndicatorKind,
    Period,
)
from duban_console.assessment.indicators import measured
from duban_console.assessment.periods import as_of, stretch_of
from duban_console.assessment.tallies import Tally
from duban_console.assessment.words import HEADINGS, WORDS
from duban_console.assessment_input import from_file
from tests.given import Case, report, small_rules

MARKS = {True: {"full_at": 100, "zero_at": 0}, False: {"full_at": 0, "zero_at": 100}}
SHANGHAI, BOSTON = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
INDICATOR = {
    "id": "punctual", "kind": "on_time_rate", "title": {"en": "Punctual"}, "weight": 100, "full_at": 95, "zero_at": 60,
    "clause": "art. 1",
}  # fmt: skip
OFF = {"id": "off", "title": {"en": "Off"}, "measures": ["bulletin", "x"], "points": 2, "basis": "practice"}
BULLETIN = {
    "id": "weekly", "kind": "bulletin", "title": {"en": "Week {part}", "zh": "第{part}周通报"}, "period": "weekly",
    "recipients": ["@units"], "clause": "五(五)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"indicators": [{**INDICATOR, "weight": 99}]}, "sum to 99, not to 100"),
        ({"indicators": [{**INDICATOR, "full_at": 60, "zero_at": 95}]}, "more is better"),
        ({"indicators": [{**INDICATOR, "kind": "rebound_rate"}]}, "less is better"),
        ({"indicators": [{**INDICATOR, "full_at": 960}]}, "is a percentage"),
        ({"indicators": [{**INDICATOR, "id": "score"}]}, "is the name of a column"),
        ({"indicators": [{**INDICATOR, "weight": 50}] * 2}, "punctual stands twice"),
        ({"indicators": [{**INDICATOR, "clause": None}]}, "clause or `basis: practice`"),
        ({"indicators": [{**INDICATOR, "kind": "coverage"}]}, "names no own_channels"),
        ({"indicators": [{**INDICATOR, "duties": ["account"]}]}, "does not count duties"),
        ({"indicators": [INDICATOR], "deductions": [{**OFF, "id": "punctual"}]}, "punctual stands twice"),
        (
            {"indicators": [INDICATOR], "deductions": [{**OFF, "id": "rank"}]},
            "deductions: rank is the name of a column",
        ),
        (
            {"indicators": [INDICATOR], "deductions": [{**OFF, "at_most": 1}]},
            "takes 2 points each time, more than it may",
        ),
        ({"indicators": [INDICATOR], "deductions": [{**OFF, "measures": []}]}, "at least 1 item"),
    ],
)
def test_an_assessment_that_measures_nothing_sensible_is_refused(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Assessment.model_validate({"clause": "art. 1", **changed})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"columns": [{"column": "number"}]}, "has no column number"),
        ({"kind": "responsibilities", "columns": [{"column": "status"}]}, "has no column status"),
        ({"kind": "problems", "columns": [{"column": "leads"}]}, "has no column leads"),
        ({"kind": "targets", "columns": [{"column": "title"}]}, "has no column title"),
        ({"columns": [{"column": "late"}, {"column": "late"}]}, "late stands twice"),
        ({"title": {"en": "Week {week}"}}, "mentions {week}; it may mention year"),
        ({"title": {"en": "ok", "zh": "{"}}, "is no template"),
        ({"recipients": []}, "at least 1 item"),
        ({"clause": None}, "clause or `basis: practice`"),
    ],
)
def test_a_bulletin_that_cannot_be_written_is_refused(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Bulletin.model_validate({**BULLETIN, **changed})


def test_a_name_that_the_pack_does_not_know_is_told_with_its_place() -> None:
    odd = {**BULLETIN, "kind": "scores", "only": {"categories": ["river", "moon"]}, "recipients": ["@units", "nobody"]}
    bulletins = (Bulletin.model_validate(BULLETIN), Bulletin.model_validate(odd))
    known: dict[str, Any] = {
        "units": ["water"],
        "categories": ["river"],
        "channels": ["patrol"],
        "duties": ["account"],
        "targets": ["ammonia"],
        "roles": ["county"],
        "measures": ["bulletin"],
    }
    assert list(strangers(None, bulletins, **known)) == [
        ("bulletins.1.kind", "there are no scores without an `assessment`"),
        ("bulletins.1.id", "the id weekly stands twice"),
        ("bulletins.1.recipients.1", "nobody is not among the units"),
        ("bulletins.1.only.categories.1", "moon is not among the categories"),
    ]
    counted = {**INDICATOR, "kind": "duty_rate", "duties": ["account", "x"]}
    of_targets = {**INDICATOR, "id": "t", "kind": "target_rate", "targets": ["ammonia", "x"], "weight": 50}
    counted, of_targets = {**counted, "weight": 50}, {**of_targets, **MARKS[True]}
    told = {
        "indicators": [counted, of_targets],
        "deductions": [OFF],
        "clause": "x",
        "own_channels": ["x"],
        "units": ["x"],
        "roles": ["county", "x"],
    }
    assert [path for path, _ in strangers(Assessment.model_validate(told), (), **known)] == [
        "assessment.units.0", "assessment.roles.1", "assessment.own_channels.0", "assessment.indicators.0.duties.1",
        "assessment.indicators.1.targets.1", "assessment.deductions.0.measures.1",
    ]  # fmt: skip


def test_every_column_and_status_has_its_words_and_every_kind_its_columns() -> None:
    assert set(HEADINGS) == set(Column)
    assert {*Stage, *Status} <= set(WORDS)
    assert set().union(*FITTING.values()) == set(Column)
    assert all(set(USUAL[kind]) <= FITTING[kind] for kind in BulletinKind)


@pytest.mark.parametrize("kind", IndicatorKind)
def test_where_there_is_nothing_to_measure_there_is_no_value(kind: IndicatorKind) -> None:
    one = Indicator.model_validate({**INDICATOR, "kind": kind, **MARKS[kind in MORE_IS_BETTER]})
    assert measured(one, "water", Tally(), small_rules()) is None


@pytest.mark.parametrize(
    ("period", "first", "part"),
    [
        (Period.DAILY, date(2023, 1, 1), 1),
        (Period.WEEKLY, date(2022, 12, 26), 52),
        (Period.MONTHLY, date(2023, 1, 1), 1),
        (Period.QUARTERLY, date(2023, 1, 1), 1),
        (Period.YEARLY, date(2023, 1, 1), 1),
    ],
)
def test_a_day_means_its_local_end_and_lies_in_its_own_period(period: Period, first: date, part: int) -> None:
    until_at = as_of("2023-01-01", SHANGHAI)
    assert until_at == datetime(2023, 1, 1, 16, tzinfo=UTC)
    found = stretch_of(period, until_at, SHANGHAI)
    assert (found.first, found.last, found.named["part"]) == (first, date(2023, 1, 1), part)
    assert found.named["year"] == (2022 if period is Period.WEEKLY else 2023)
    assert until_at not in found
    assert found.start_at in found


def test_a_day_on_which_the_clocks_change_has_its_true_length() -> None:
    found = stretch_of(Period.DAILY, as_of("2015-03-08", BOSTON), BOSTON)
    assert (found.as_of - found.start_at).total_seconds() == 23 * 3600


@pytest.mark.parametrize("text", ["yesterday", "2022-04-30T17:00+08:00", "2022-02-30"])
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|Invalid|day|format"):
        as_of(text, SHANGHAI)


class TestFiles:
    @pytest.fixture
    def case(self) -> Case:
        case = Case(datetime(2022, 4, 6, 2, tzinfo=UTC))
        case.registered(report())
        return case

    def test_events_are_read_bare_or_as_records_each_once_and_in_order(self, case: Case, tmp_path: Path) -> None:
        first, second = case.events
        record = {"type": "duban.problem.dispatched", "data": {"event": plain(second), "hash": "0"}}
        refused = {"type": "duban.problem.refused", "data": {"code": "not_permitted", "command": "1", "version": 2}}
        lines = [orjson.dumps(record), b"", orjson.dumps(refused), canonical(first), canonical(second)]
        path = tmp_path / "events.jsonl"
        path.write_bytes(b"\n".join(lines))
        assert from_file(path) == [first, second]

    @pytest.mark.parametrize(("bad", "fault"), [(b"{", "line 2: "), (b'{"at": 1}', "line 2 is no event: at")])
    def test_a_bad_line_is_named(self, case: Case, tmp_path: Path, bad: bytes, fault: str) -> None:
        path = tmp_path / "events.jsonl"
        path.write_bytes(canonical(case.events[0]) + b"\n" + bad)
        with pytest.raises(Undecodable, match=fault):
            from_file(path)
