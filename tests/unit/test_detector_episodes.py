"""Episodes in readings: what the rules say, one after the other as the detector does, and all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from duban.messages.envelope import decode, encode
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.report import Report
from duban.policy.model.detection import DetectionRule
from duban_detector.domain.episode import EpisodeTurn, Happening
from duban_detector.domain.episode_reports import episode_report
from duban_detector.domain.evaluation import evaluated
from duban_detector.domain.watch import Unjudged, Watched, silent, unjudged, watched
from tests.stations import hours, message, readings, rule, rules, series

T0 = datetime(2026, 3, 1, tzinfo=UTC)
BEGUN, LASTS, OVER = EpisodeTurn.BEGUN, EpisodeTurn.LASTS, EpisodeTurn.OVER


def one_by_one(arrived: Sequence[tuple[StationReadings, datetime]], rules: Sequence[DetectionRule]) -> list[Happening]:
    """What is told as readings come, one after the other."""
    states: dict[str, Watched] = {}
    happenings: list[Happening] = []
    for data, at in arrived:
        if unjudged(states.get(data.station), data, at) is None:
            states[data.station], new = watched(states.get(data.station), data, at, rules)
            happenings += new
    return happenings


def at_once(data: Sequence[StationReadings]) -> list[tuple[StationReadings, datetime]]:
    """Readings that came when they were taken."""
    return [(one, one.at) for one in data]


def turns(data: Any, *rules: DetectionRule) -> list[tuple[EpisodeTurn, int]]:
    """What is told, with the hour since the beginning; both ways say the same."""
    arrived = at_once(list(data))
    found = one_by_one(arrived, rules)
    assert as_set(found) == as_set(evaluated(arrived, {"smallville": rules}))
    return [(one.turn, round((one.at - T0) / timedelta(hours=1))) for one in found]


def as_set(happenings: Sequence[Happening]) -> Counter[bytes]:
    """What is told, as reports, in no order."""
    by_id = {**{one.id: one for one in rules()}, "dust": rule(), "quiet": rule(id="quiet")}
    records = [encode(episode_report(one, by_id[one.episode.rule], ZoneInfo("Asia/Shanghai"))) for one in happenings]
    return Counter(repr(record).encode() for record in records)


def test_episodes_in_the_real_series_are_those_of_the_plain_evaluation() -> None:
    arrived = at_once(series())
    found = one_by_one(arrived, rules())
    assert as_set(found) == as_set(evaluated(arrived, {"smallville": rules()}))
    begun = Counter(one.episode.rule for one in found if one.turn is BEGUN)
    assert set(begun) == {one.id for one in rules()}, "a rule that finds nothing shows nothing"
    # The week of haze is one episode a station, however often values fell below the limit for an hour.
    assert begun["fine-dust"] < 40
    assert max(one.episode.readings for one in found if one.episode.rule == "fine-dust") > 100


def test_so_many_in_a_row_raise_and_so_many_well_ones_clear() -> None:
    data = hours(T0, 160, 160, 100, 160, 170, 180, 100, 160, 100, 110, 160)
    assert turns(data, rule(raised_by={"readings": 3}, cleared_by={"readings": 2})) == [(BEGUN, 5), (OVER, 8)]


def test_between_the_limit_and_the_way_back_nothing_begins_or_ends() -> None:
    data = hours(T0, 140, 160, 140, 121, 130, 140, 120, 140)
    assert turns(data, rule(cleared_by={"at": 120})) == [(BEGUN, 1), (OVER, 6)]


def test_what_lies_at_the_limit_is_within_it() -> None:
    assert turns(hours(T0, 150, 151, 150), rule()) == [(BEGUN, 1), (OVER, 2)]
    assert turns(hours(T0, 3, 2, 3), rule(when={"below": 3})) == [(BEGUN, 1), (OVER, 2)]


def test_a_gap_ends_nothing_unless_the_rule_says_so() -> None:
    data = list(hours(T0, 160, None, None, None, 160, 100))
    assert turns(data, rule()) == [(BEGUN, 0), (OVER, 5)]
    assert turns(data, rule(ends_after={"hours": 3})) == [(BEGUN, 0), (OVER, 0), (BEGUN, 4), (OVER, 5)]


def test_only_valid_data_raise() -> None:
    values = [FactorReading(factor="PM2.5", value=900, flag=flag) for flag in ("D", "N", "")]
    data = [readings("S1", T0 + timedelta(hours=n), {}, factors=(value,)) for n, value in enumerate(values)]
    assert turns(data, rule(raised_by={"readings": 2})) == [(BEGUN, 2)]
    assert turns(data, rule(measured_in=None, when={"flagged": ["D"]})) == [(BEGUN, 0), (OVER, 1)]


def test_what_lasts_is_told_again_after_its_time_and_not_with_each_reading() -> None:
    assert turns(hours(T0, *[160] * 50), rule()) == [(BEGUN, 0), (LASTS, 24), (LASTS, 48)]


def test_a_share_of_a_window_raises() -> None:
    data = hours(T0, 160, 100, 160, 160, 100, 100, 160, 160, 160)
    share = rule(raised_by={"share": 75, "readings": 4, "within": {"hours": 4}}, cleared_by={"readings": 2})
    assert turns(data, share) == [(BEGUN, 3), (OVER, 4), (BEGUN, 8)][:2]


def test_a_station_misses_only_what_it_has_once_measured() -> None:
    missing = rule(measured_in=None, when={"missing": True}, raised_by={"readings": 2})
    assert turns(hours(T0, None, None, None, 5, None, None, 5), missing) == [(BEGUN, 5), (OVER, 6)]


def test_jumps_constant_values_and_parts_above_the_whole() -> None:
    bare = {"measured_in": None}
    assert turns(hours(T0, 10, 200, 210), rule(**bare, when={"jump": 100})) == [(BEGUN, 1), (OVER, 2)]
    constant = rule(**bare, when={"unchanged": 0.5}, raised_by={"readings": 3})
    assert turns(hours(T0, 7, 7, 7.5, 7, 9), constant) == [(BEGUN, 3), (OVER, 4)]
    data = [readings("S1", T0, {"PM2.5": 90, "PM10": 80}), readings("S1", T0 + timedelta(hours=1), {"PM2.5": 90})]
    assert turns(data, rule(**bare, when={"above_factor": "PM10"})) == [(BEGUN, 0)]


def test_the_stations_own_limits_count() -> None:
    values = [(5, None, 9), (10, None, 9), (1, 2, None), (3, 2, 9)]
    data = [
        readings(
            "S1", T0 + timedelta(hours=n), {}, factors=(FactorReading(factor="PM2.5", value=v, low=low, high=high),)
        )
        for n, (v, low, high) in enumerate(values)
    ]
    limits = rule(measured_in=None, when={"limits": True})
    assert turns(data, limits) == [(BEGUN, 1), (OVER, 3)]


def test_units_of_one_kind_are_reckoned_and_others_not_judged() -> None:
    units = [("mg/m3", 0.2), ("ug/m3", 0.2), ("ppm", 900.0), (None, 160.0)]
    data = [
        readings("S1", T0 + timedelta(hours=n), {}, factors=(FactorReading(factor="PM2.5", value=v, measured_in=unit),))
        for n, (unit, v) in enumerate(units)
    ]
    assert turns(data, rule()) == [(BEGUN, 0), (OVER, 1), (BEGUN, 3)]


def test_silence_begins_with_the_last_reading_and_is_found_while_it_lasts_or_when_it_ends() -> None:
    quiet = rule(id="quiet", measured_in=None, factors=[], span=None, when={"silent": {"hours": 2}})
    data = [*hours(T0, 1, 1), *hours(T0 + timedelta(hours=6), 1)]
    assert turns(data, quiet) == [(BEGUN, 1), (OVER, 6)]
    state, _ = watched(None, data[0], T0, [quiet])
    assert list(silent(state, T0 + timedelta(hours=2), [quiet])) == []
    (found,) = silent(state, T0 + timedelta(hours=2, seconds=1), [quiet])
    (ended,) = [one for one in one_by_one(at_once([data[0], data[2]]), [quiet]) if one.turn is BEGUN]
    assert found == ended, "whoever finds it, it is the same report"
    assert as_set([found]) == as_set(evaluated(at_once(data[:1]), {"smallville": [quiet]}, T0 + timedelta(hours=3)))


def test_readings_that_come_again_or_late_or_from_the_future_change_nothing() -> None:
    first, second = hours(T0, 100, 160)
    state, _ = watched(None, first, T0, [rule()])
    state, told = watched(state, second, T0, [rule()])
    assert [one.turn for one in told] == [BEGUN]
    assert unjudged(state, second, T0) is Unjudged.LATE
    assert unjudged(state, first, T0) is Unjudged.LATE
    ahead = next(hours(T0 + timedelta(hours=9), 100))
    assert unjudged(state, ahead, T0 + timedelta(hours=7)) is Unjudged.AHEAD
    assert unjudged(state, ahead, T0 + timedelta(hours=8)) is None


def test_what_a_rule_remembered_that_is_gone_is_forgotten() -> None:
    first, second = hours(T0, 160, 160)
    state, _ = watched(None, first, T0, [rule()])
    assert watched(state, second, T0, [])[0].series == {}


VALUES = st.one_of(st.none(), st.sampled_from([0.0, 100.0, 130.0, 160.0, 400.0]))
SPELL = st.sampled_from([{"hours": 1}, {"hours": 3}, {"minutes": 90}])


@st.composite
def any_rule(draw: st.DrawFn) -> DetectionRule:
    """A rule over PM2.5 with a way to begin and a way back."""
    when: dict[str, Any] = draw(
        st.sampled_from([{"above": 150}, {"below": 110}, {"jump": 50}, {"unchanged": 0}, {"missing": True}])
    )
    raised: dict[str, Any] = {"readings": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        raised |= {"share": draw(st.sampled_from([50, 75, 100])), "within": draw(SPELL)}
    cleared: dict[str, Any] = {"readings": draw(st.integers(1, 3))}
    if "above" in when and draw(st.booleans()):
        cleared["at"] = 120
    ends = {"ends_after": draw(SPELL)} if draw(st.booleans()) else {}
    return rule(when=when, raised_by=raised, cleared_by=cleared, told_every=draw(SPELL), **ends)


@given(st.lists(st.tuples(st.integers(-1, 4), VALUES), max_size=40), any_rule())
def test_one_by_one_and_at_once_find_the_same_whatever_comes(
    steps: list[tuple[int, float | None]], drawn: DetectionRule
) -> None:
    at, arrived = T0, []
    for half_hours, value in steps:
        at += timedelta(minutes=30 * half_hours)
        arrived.append((readings("S1", at, {} if value is None else {"PM2.5": value}), at))
    assert as_set(one_by_one(arrived, [drawn])) == as_set(evaluated(arrived, {"smallville": [drawn]}))


def test_an_episode_is_one_report_that_later_ones_continue_and_the_last_ends() -> None:
    data = list(hours(T0, *[160] * 50, 100))
    found = [episode_report(one, rule(), ZoneInfo("Asia/Shanghai")) for one in one_by_one(at_once(data), [rule()])]
    first, lasts, lasts_on, over = found
    assert first.data.continues is None
    assert [one.data.continues for one in found[1:]] == [first.id, lasts.id, lasts_on.id]
    assert len({one.id for one in found}) == 4
    assert {one.key for one in found} == {first.key}, "they stay in order"
    assert over.data.ended_at == T0 + timedelta(hours=50)
    assert first.data.ended_at is None
    assert over.data.attributes["readings"] == "50"
    for one in found:
        record = encode(one)
        assert decode(record.key, record.value, record.headers, {Report.TYPE: Report}) == one
    assert message(data[0]).key == "S1"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"when": {}}, "exactly one of"),
        ({"when": {"above": 1, "below": 2}}, "exactly one of"),
        ({"measured_in": None}, "in which unit"),
        ({"factors": []}, "of single factors"),
        ({"when": {"silent": {"hours": 1}}}, "of the whole station"),
        ({"cleared_by": {"at": 151}}, "bad side"),
        ({"when": {"jump": 3}, "cleared_by": {"at": 1}}, "goes with `above` or `below`"),
        ({"raised_by": {"share": 50}}, "give both, or neither"),
        ({"told_every": {"days": 1}}, "give `minutes` or `hours`"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        rule(**fields)
