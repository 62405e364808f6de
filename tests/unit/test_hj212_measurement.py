"""HJ 212: what a frame measured, and what is joined from several."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hj212 import (
    FACTORS,
    SYSTEMS,
    ZONE,
    Assembly,
    DataFlag,
    Frame,
    Hj212Error,
    Measurement,
    TimeSpan,
    decode,
    measured,
    written,
)
from hj212.measurement import instant
from tests.unit.test_hj212_frame import FIELD

FLOW = {"Min": 1.696, "Avg": 3.0586, "Max": 3.7704, "Cou": 11010.8437}
AT = datetime(2026, 3, 1, 8, tzinfo=ZONE)
words = st.text("abcXYZ0123456789_", min_size=1, max_size=8)
values = st.floats(allow_nan=False, allow_infinity=False, width=32)
measurements = st.builds(
    Measurement,
    words,
    st.dictionaries(st.sampled_from(["Rtd", "Min", "Avg", "Max", "Cou", "ZsAvg"]), values, min_size=1, max_size=4),
    st.sampled_from(["", *DataFlag]).map(str),
    st.dictionaries(st.sampled_from(["SampleTime", "EFlag"]), st.sampled_from(["", "null", "A01", "--"])),
)


def frame(cp: str, cn: str = "2011", pnum: int | None = None, pno: int | None = None, flag: int | None = None) -> Frame:
    return Frame(cn=cn, mn="A1", cp=cp, pnum=pnum, pno=pno, flag=flag)


@given(st.lists(measurements, unique_by=lambda measurement: measurement.factor, max_size=8))
def test_what_is_written_is_measured_again(factors: list[Measurement]) -> None:
    assert measured(frame(written(AT, factors))).factors == tuple(factors)


@pytest.mark.parametrize(
    ("number", "span", "at", "count", "first"),
    [
        (0, TimeSpan.HOUR, "2022-10-08T10:00", 12, ("B02", FLOW, "")),
        (1, TimeSpan.MOMENT, "2019-10-18T10:49", 8, ("a34002", {"Rtd": 30.0}, "N")),
        (2, TimeSpan.MOMENT, "2018-08-21T14:25:09", 9, ("a34004", {"Rtd": 0.0}, "")),
        (3, TimeSpan.MOMENT, "2020-07-25T21:08", 1, ("a24087", {"Rtd": 10.3}, "N")),
        (4, TimeSpan.HOUR, "2020-11-29T21:00:01", 15, ("w01010", {"Avg": 23.1}, "N")),
    ],
)  # fmt: skip
def test_what_frames_of_the_field_measured(
    number: int, span: TimeSpan, at: str, count: int, first: tuple[object, ...]
) -> None:
    found = measured(decode(FIELD[number]))
    assert (found.span, found.at) == (span, datetime.fromisoformat(at).replace(tzinfo=ZONE))
    assert len(found.factors) == count
    assert (found.factors[0].factor, found.factors[0].values, found.factors[0].flag) == first
    assert (found.others, found.strays) == ((), ())


def test_what_is_no_number_is_kept_as_text_and_never_taken_for_0() -> None:
    found = measured(frame("DataTime=20260301080000;a-Rtd=,b-Rtd=null,c-Rtd=1e999,d-Rtd=NaN,e-Rtd=١,f-Rtd=-.5"))
    assert [dict(factor.values) for factor in found.factors] == [{}, {}, {}, {}, {}, {"Rtd": -0.5}]
    assert [factor.texts.get("Rtd") for factor in found.factors] == ["", "null", "1e999", "NaN", "١", None]


def test_commas_and_semicolons_part_alike_and_strays_are_kept() -> None:
    found = measured(frame(" DataTime=20260301080000,a-Rtd=1;a-Flag=D;;PolId=x;hello"))
    assert found.factors == (Measurement("a", {"Rtd": 1.0}, "D"),)
    assert (found.others, found.strays) == ((("PolId", "x"),), ("hello",))


def test_a_code_with_a_hyphen_keeps_it() -> None:
    [factor] = measured(frame("DataTime=20260301080000;a05002-1-Rtd=7")).factors
    assert (factor.factor, factor.values) == ("a05002-1", {"Rtd": 7.0})


@pytest.mark.parametrize(
    ("cp", "cn", "code", "says"),
    [
        ("", "9015", "not_readings", "CN: 9015 is none of 2011, 2051, 2061, 2031"),
        ("a-Rtd=1", "2011", "time", "DataTime: there is none"),
        ("DataTime=2026;a-Rtd=1", "2011", "time", "DataTime: '2026' is not YYYYMMDDhhmmss"),
        ("DataTime=20260230080000", "2011", "time", "DataTime: 20260230080000 is on no calendar"),
    ],
)
def test_what_cannot_be_measured_says_why(cp: str, cn: str, code: str, says: str) -> None:
    with pytest.raises(Hj212Error) as caught:
        measured(frame(cp, cn))
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_later_part_has_the_time_of_the_one_before() -> None:
    assert measured(frame("a-Rtd=1"), AT).at == AT
    assert measured(frame("DataTime=20260301090000;a-Rtd=1"), AT).at == AT + timedelta(hours=1)


def test_instants_may_have_milliseconds() -> None:
    assert instant("20260301080000250") == AT + timedelta(milliseconds=250)


def test_what_would_end_itself_is_not_written() -> None:
    with pytest.raises(Hj212Error, match="a-Info: 'x;y' holds one of"):
        written(AT, [Measurement("a", {}, "", {"Info": "x;y"})])
    with pytest.raises(Hj212Error, match="says no offset"):
        written(AT.replace(tzinfo=None), [])


def test_parts_come_together_in_whatever_order() -> None:
    assembly = Assembly()
    second = frame("DataTime=20260301080000;c-Rtd=3", pnum=2, pno=2, flag=6)
    first = frame("DataTime=20260301080000;a-Rtd=1;b-Rtd=2;", pnum=2, pno=1, flag=6)
    assert assembly.add(frame("x=1")) == frame("x=1")
    assert assembly.add(second) is None
    assert assembly.add(second) is None
    assert assembly.add(first) == frame("DataTime=20260301080000;a-Rtd=1;b-Rtd=2;c-Rtd=3", flag=4)
    assembly.give_up()
    assert assembly.incomplete == []


def test_parts_of_two_reports_do_not_mix() -> None:
    assembly = Assembly(most=2)
    first = frame("DataTime=20260301080000;a-Rtd=1", pnum=2, pno=1)
    late = frame("DataTime=20260301080100;b-Rtd=2", pnum=2, pno=2)
    assert assembly.add(first) is None
    assert assembly.add(late) is None
    assert assembly.incomplete == [(first,)]
    assert assembly.add(replace(first, cp="DataTime=20260301080100;a-Rtd=9")) is not None
    for pnum in (3, 4, 5):
        assert assembly.add(replace(first, pnum=pnum)) is None
    assert assembly.incomplete[1:] == [(replace(first, pnum=3),)]
    with pytest.raises(Hj212Error, match="PNO: 3, where PNUM is 2"):
        assembly.add(replace(first, pno=3))


def test_the_tables_hold_what_devices_send() -> None:
    codes = {factor.factor for raw in FIELD[1:5] for factor in measured(decode(raw)).factors}
    assert codes <= FACTORS.keys()
    assert {decode(raw).st for raw in FIELD} <= SYSTEMS.keys()
