"""The gateway of HJ 212: which devices there are, and what becomes of a frame."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from duban.errors import SettingsError
from duban.messages.envelope import decode as decoded
from duban.messages.envelope import encode as encoded
from duban.messages.readings import READINGS, FactorReading, StationReadings
from duban.messages.report import Location
from duban_cli import app
from duban_intake.channels.limits import Limit
from duban_intake.hj212.register_file import RegisterFile
from duban_intake.hj212.registry import Device, advice, load_registry
from duban_intake.hj212.translation import FrameAnswer, FrameVerdict, NoReading, Taken, judge
from duban_local import ROOT
from hj212 import ZONE, Frame, decode, encode
from tests.unit.test_hj212_frame import FIELD, MN, frames

REGISTRY = f"""
jurisdiction: smallville
passed_over: ["3020"]
devices:
  - mn: {MN}
    site: outfall 1
    enterprise: Works 7
    area: north
    location: {{latitude: 31.46, longitude: 104.74}}
    password: "123456"
    key: "0123456789abcdef"
    limits: {{w01018: {{high: 50}}, w01001: {{low: 6, high: 9}}}}
  - {{mn: MK130502VQ0162, site: roof, jurisdiction: elsewhere, passed_over: ["2021"]}}
"""
KEY = b"0123456789abcdef"
DEVICES = load_registry(REGISTRY, "devices.yaml")
AT = datetime(2026, 3, 1, 8, tzinfo=ZONE)


def sent(cp: str, cn: str = "2061", key: bytes | None = KEY, pw: str = "123456", mn: str = MN) -> Frame:
    """A frame as the gateway reads it."""
    return decode(encode(Frame(qn="20260301090000000", st="32", cn=cn, pw=pw, mn=mn, flag=9, cp=cp), key), key)


def judged(frame: Frame, usual: datetime | None = None) -> FrameVerdict:
    return judge(frame, DEVICES.device(frame.mn), usual)


def taken(frame: Frame) -> StationReadings:
    outcome = judged(frame).outcome
    assert isinstance(outcome, Taken)
    return outcome.message.data


def test_a_registry_says_who_each_device_is() -> None:
    assert len(DEVICES) == 2
    first, second = DEVICES
    assert (first.jurisdiction, first.passed_over) == ("smallville", ("3020",))
    assert (second.jurisdiction, second.passed_over) == ("elsewhere", ("2021",))
    assert (DEVICES.key_of(MN), DEVICES.key_of("MK130502VQ0162"), DEVICES.key_of("x")) == (KEY, None, None)
    assert "123456" not in repr(first)
    assert KEY.decode() not in repr(first)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("site: roof, ", "", "devices.1.site"),
        ("site: roof", "sight: roof", "sight"),
        ("mn: MK130502VQ0162", f"mn: {MN}", f"devices.0.mn: {MN} stands 2 times; an MN is one device"),
        ("mn: MK130502VQ0162", "mn: 'a;b'", "devices.1.mn"),
        ("jurisdiction: smallville", "", "devices.0: says no jurisdiction, and neither does the file"),
        ('key: "0123456789abcdef"', "key: short", "16 ASCII characters or 32 hexadecimal digits"),
        ("{high: 50}", "{}", "a limit says low, high or both"),
        ("{low: 6, high: 9}", "{low: 9, high: 6}", "low 9 lies above high 6"),
        ("longitude: 104.74", "longitude: 204", "longitude"),
        ('["3020"]', "[302]", "passed_over"),
        ("devices:", "devices: [", "is no YAML"),
        (REGISTRY, "devices: []", "devices"),
    ],
)
def test_a_bad_registry_says_where_and_what(old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_registry(REGISTRY.replace(old, new), "devices.yaml")
    assert str(caught.value).startswith("devices.yaml: ")
    assert says in str(caught.value)


def test_advice_names_what_may_be_a_mistake() -> None:
    doubtful = load_registry("jurisdiction: a\ndevices: [{mn: x, site: y, limits: {w99: {high: 1}}}]", "f")
    assert [what.partition(":")[0].split()[0] for _, what in advice(doubtful)] == ["limits", "the", "neither"]
    assert [mn for mn, _ in advice(DEVICES)] == ["MK130502VQ0162"] * 2


def test_the_registry_that_comes_with_the_engine_has_no_fault() -> None:
    assert len(RegisterFile(ROOT / "deploy/demo/hj212/devices.yaml").registry) == 12


def test_a_registry_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text(REGISTRY)
    register = RegisterFile(file)
    for number, (text, count) in enumerate([("devices: []", 2), (REGISTRY.partition("  - {mn: MK")[0], 1)], start=1):
        file.write_text(text)
        os.utime(file, ns=(number, number))
        register.renew()
        assert len(register.registry) == count
    with pytest.raises(SettingsError, match="DUBAN_HJ212_DEVICES names no file"):
        RegisterFile(None)
    with pytest.raises(SettingsError, match="No such file"):
        RegisterFile(tmp_path / "none.yaml")


def test_readings_say_who_measured_what_between_which_limits() -> None:
    cp = (
        "DataTime=20260301080000;w01018-Min=30,w01018-Avg=31.5,w01018-Max=33,w01018-Cou=1.25,w01018-ZsAvg=32,"
        "w01018-ZsMin=29,w01018-Flag=N,w01018-EFlag=A01;w01001-Avg=,w01001-Flag=D"
    )
    frame = sent(cp)
    assert frame.encrypted
    assert taken(frame) == StationReadings(
        jurisdiction="smallville", station=MN, site="outfall 1", protocol="hj212", span="hour", at=AT, system="32",
        factors=(
            FactorReading(
                factor="w01018", value=31.5, minimum=30.0, maximum=33.0, total=1.25, converted=32.0, flag="N",
                high=50.0, others={"ZsMin": "29.0", "EFlag": "A01"},
            ),
            FactorReading(factor="w01001", flag="D", low=6.0, high=9.0, others={"Avg": ""}),
        ),
        frame=frame.raw.decode("latin-1"), enterprise="Works 7", area="north",
        location=Location(latitude=31.46, longitude=104.74),
    )  # fmt: skip


@pytest.mark.parametrize(
    "cp", ["DataTime=20260301080000;@-Rtd=1;a\x00-Rtd=1;-Rtd=1;a-Rtd=1", "DataTime=20260301080000"]
)
def test_whatever_a_known_device_sends_makes_a_message_that_is_read_again(cp: str) -> None:
    outcome = judged(decode(encode(Frame(cn="2011", mn="MK130502VQ0162", st="a b", cp=cp)))).outcome
    assert isinstance(outcome, Taken)
    record = encoded(outcome.message)
    assert decoded(record.key, record.value, record.headers, READINGS) == outcome.message
    assert [reading.factor for reading in outcome.message.data.factors] == (["a"] if "a-Rtd" in cp else [])


@given(frames)
def test_no_frame_of_a_known_device_breaks_the_code_and_what_is_taken_is_read_again(frame: Frame) -> None:
    device = Device(mn="A", site="s", jurisdiction="j", limits={"a": Limit(high=1)})
    outcome = judge(decode(encode(frame)), device, AT).outcome
    if isinstance(outcome, Taken):
        record = encoded(outcome.message)
        assert decoded(record.key, record.value, record.headers, READINGS) == outcome.message


@given(
    st.lists(
        st.sampled_from(
            ["a-Rtd=1", "a-Rtd=1e308", "@-Avg=2", "-=", "b-Flag=" + "N" * 30, "c-Info=\x00\ud7ff", ";", ","]
        )
    )
)
def test_no_parameters_of_a_known_device_break_the_code(items: list[str]) -> None:
    frame = Frame(cn="2011", mn="A", st="\x7f", cp=";".join(["DataTime=20260301080000", *items]))
    outcome = judge(frame, Device(mn="A", site="s", jurisdiction="j"), None).outcome
    assert isinstance(outcome, Taken)
    record = encoded(outcome.message)
    assert decoded(record.key, record.value, record.headers, READINGS) == outcome.message


def test_the_same_bytes_give_the_same_id_and_others_another() -> None:
    ids = []
    for frame in (sent("DataTime=20260301080000"), sent("DataTime=20260301080000"), sent("DataTime=20260301090000")):
        outcome = judged(frame).outcome
        assert isinstance(outcome, Taken)
        ids.append(outcome.message.id)
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("frame", "code", "reply"),
    [
        (sent("DataTime=20260301080000", mn="stranger", key=None), "unknown_device", FrameAnswer.NONE),
        (sent("", cn="9015", mn="stranger", key=None), "unknown_device", FrameAnswer.NONE),
        (sent("DataTime=20260301080000", pw="654321"), "wrong_password", FrameAnswer.NONE),
        (sent("DataTime=20260301080000;a-Rtd=1", key=None), "not_encrypted", FrameAnswer.NONE),
        (sent("a-Rtd=1"), "time", FrameAnswer.DATA),
        (sent("DataTime=18000101000000"), "time", FrameAnswer.DATA),
        (sent("DataTime=20260301080000", cn="2081"), "not_readings", FrameAnswer.DATA),
        (sent("QnRtn=1", cn="9011"), None, FrameAnswer.NONE),
        (sent("", cn="9015"), None, FrameAnswer.NOTICE),
        (sent("", cn="1013"), None, FrameAnswer.NOTICE),
        (sent("InfoId=i11001", cn="3020"), None, FrameAnswer.DATA),
    ],
)
def test_what_is_no_reading_is_told_apart_and_strangers_are_not_answered(
    frame: Frame, code: str | None, reply: FrameAnswer
) -> None:
    verdict = judged(frame)
    assert verdict.reply is reply
    assert (verdict.outcome.code if isinstance(verdict.outcome, NoReading) else verdict.outcome) == code


def test_a_later_part_has_the_time_of_the_one_before() -> None:
    outcome = judged(sent("a-Rtd=1"), AT).outcome
    assert isinstance(outcome, Taken)
    assert outcome.message.data.at == AT


def test_frames_of_the_field_are_readings_of_a_device_that_is_known() -> None:
    for raw in FIELD[:5]:
        frame = decode(raw)
        outcome = judge(frame, Device(mn=frame.mn, site="s", jurisdiction="j"), None).outcome
        assert isinstance(outcome, Taken)
        assert outcome.message.data.frame == raw.decode()


def test_the_registry_is_checked_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text(REGISTRY)
    file.chmod(0o644)
    result = CliRunner().invoke(app, ["hj212", "check", str(file), "--json"])
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert (first["mn"], first["password"], first["key"], first["advice"]) == (MN, True, True, [])
    assert len(second["advice"]) == 2
    assert "2 devices" in result.stderr
    assert "chmod 600" in " ".join(result.stderr.split())
    assert KEY.decode() not in result.output
    file.write_text(REGISTRY.replace("site: roof", "sight: roof"))
    result = CliRunner().invoke(app, ["hj212", "check", str(file)])
    assert result.exit_code == 2
    assert "devices.1.sight" in " ".join(result.stderr.split())


def test_captured_bytes_are_decoded_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "capture.bin"
    file.write_bytes(FIELD[3] + b"\r\nOK\r\n" + FIELD[5])
    result = CliRunner().invoke(app, ["hj212", "decode", str(file), "--json"])
    frame, garbage, empty = [json.loads(line) for line in result.stdout.splitlines()]
    assert (frame["mn"], frame["factors"]["a24087"]) == ("MK130502VQ0162", {"Rtd": 10.3, "Flag": "N"})
    assert (garbage["garbage"], empty["cn"]) == ("OK\r\n", "1011")
    assert result.exit_code == 1
