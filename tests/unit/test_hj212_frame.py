"""HJ 212: a frame is what the standard and the devices in the field write, and says what is wrong when it is not."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban_local import ROOT
from hj212 import (
    Frame,
    Hj212Error,
    Version,
    checksum,
    data_answer,
    decode,
    encode,
    key_from,
    notice_answer,
    request_answer,
    result_answer,
)
from hj212.cipher import deciphered, enciphered

DATA = ROOT / "tests/data/hj212"
FIELD: list[bytes] = [line for line in (DATA / "frames.txt").read_bytes().splitlines() if line.startswith(b"##")]
MN = "010000A8900016F000169DC0"
#: Of the standard's Appendix A of 2017; its text misprints the checksum as 1C08.
STANDARD = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80"
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters=";=&#"), max_size=24)
names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=8)
frames = st.builds(
    Frame,
    cn=st.from_regex(r"\A[0-9]{4}\Z"),
    mn=texts.map(str.strip),
    st=st.from_regex(r"\A[0-9]{0,2}\Z"),
    qn=st.from_regex(r"\A([0-9]{17})?\Z"),
    pw=texts.map(str.strip),
    flag=st.none() | st.integers(0, 255),
    pnum=st.none() | st.integers(0, 9999),
    pno=st.none() | st.integers(0, 9999),
    others=st.dictionaries(names, texts.map(str.strip), max_size=2).map(lambda found: tuple(found.items())),
    cp=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=300),
)
keys = st.binary(min_size=16, max_size=16)


def test_the_readme_says_what_happens() -> None:
    failed, tried = doctest.testfile(str(ROOT / "clients/hj212/README.md"), module_relative=False)
    assert tried > 20
    assert not failed


@pytest.mark.parametrize("raw", [*FIELD, STANDARD])
def test_frames_of_the_field_are_read_and_written_byte_for_byte(raw: bytes) -> None:
    frame = decode(raw)
    assert encode(frame) == raw + b"\r\n"
    assert frame.raw == raw


def test_the_fields_of_a_frame() -> None:
    frame = decode(STANDARD)
    assert frame == Frame(
        qn="20160801085857223", st="32", cn="1062", pw="100000", mn=MN, flag=5, cp="RtdInterval=30"
    )  # fmt: skip
    assert (frame.version, frame.wants_answer, frame.is_part) == (Version.HJ_212_2017, True, False)


@pytest.mark.parametrize(
    ("flag", "version", "wants"),
    [
        (None, Version.HJT_212_2005, False),
        (0, Version.HJT_212_2005, False),
        (5, Version.HJ_212_2017, True),
        (6, Version.HJ_212_2017, False),
        (9, Version.HJ_212_2025, True),
        (12, None, False),
    ],
)
def test_what_a_flag_says(flag: int | None, version: Version | None, wants: bool) -> None:
    frame = Frame(cn="2011", mn="A", flag=flag)
    assert (frame.version, frame.wants_answer) == (version, wants)


@given(frames)
def test_what_is_written_is_read_again(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(frames, keys)
def test_what_is_encrypted_is_read_again_under_its_key(frame: Frame, key: bytes) -> None:
    sent = encode(frame, key)
    again = decode(sent, key)
    assert again == frame
    assert len(sent) == len(encode(frame))
    assert again.raw + b"\r\n" == sent


@given(st.binary(max_size=200), keys)
def test_sm4_keeps_the_length_and_the_tail(body: bytes, key: bytes) -> None:
    segment = b"MN=1;CP=&&" + body + b"&&"
    sent = enciphered(segment, key)
    whole = len(body) // 16 * 16
    assert sent[:10] == segment[:10]
    assert sent[10 + whole :] == segment[10 + whole :]
    assert deciphered(sent, key) == segment


def test_sm4_gives_the_block_that_the_standard_prints() -> None:
    cp = "DataTime=20240520210600;a01011-Min=1.35"
    sent = encode(Frame(cn="2051", mn=MN, st="31", flag=9, cp=cp), key_from("0000000000000000"))
    begin = sent.index(b"&&") + 2
    assert sent[begin : begin + 16].hex().upper() == "E43E159ACFAB242CB53155FB8B9281A1"


def test_a_device_with_a_key_may_still_send_in_plain() -> None:
    frame = decode(FIELD[3], key_from("00" * 16))
    assert (frame, frame.encrypted) == (decode(FIELD[3]), False)


def test_the_checksum_is_that_of_the_standard_and_not_that_of_modbus() -> None:
    assert checksum(STANDARD[6:-4]) == 0x1C80
    assert checksum(b"") == 0xFFFF


@pytest.mark.parametrize("mend", [bytes.lower, lambda raw: raw + b"\n", lambda raw: raw + b" \r\n"])
def test_what_devices_do_otherwise_is_borne_with(mend: object) -> None:
    raw = FIELD[3]
    assert decode(raw[:-4] + mend(raw[-4:])) == decode(raw)  # type: ignore[operator]


def reframed(segment: str, encoding: str = "utf-8") -> bytes:
    data = segment.encode(encoding)
    return b"##%04d%s%04x" % (len(data), data, checksum(data))


def test_text_that_is_no_utf_8_is_taken_for_gb_18030() -> None:
    assert decode(reframed("ST=21;CN=3020;MN=A;CP=&&Info=故障&&", "gb18030")).cp == "Info=故障"


def test_blanks_behind_the_end_of_the_segment_are_borne_with() -> None:
    assert decode(reframed("ST=31;CN=2011;MN=A;CP=&&x=1;&& ")).cp == "x=1;"


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        (b"", "head", "begins with ##"),
        (b"#0012", "head", "begins with ##"),
        (b"##12", "length", "four digits"),
        (STANDARD[:-5], "cut", "106 bytes, but with this length it has 111"),
        (STANDARD + b"xyz", "length", "3 bytes behind"),
        (STANDARD[:-4] + b"1C08", "checksum", "it says 1C08, counted is 1C80"),
        (STANDARD[:-4] + b"....", "checksum", "four hex digits"),
        (reframed("CN=2011;MN=A;CP=x"), "segment", "no CP=&&"),
        (reframed("MN=A;CP=&&&&"), "segment", "CN: there is none"),
        (reframed("CN=2011;CN=2051;MN=A;CP=&&&&"), "segment", "CN: twice: 2011 and 2051"),
        (reframed("CN=2011;hello;MN=A;CP=&&&&"), "segment", "hello: a field is written NAME=value"),
        (reframed("CN=2011;MN=A;Flag=N;CP=&&&&"), "segment", "Flag: 'N' is no number from 0 to 255"),
        (reframed("CN=2011;MN=A;Flag=256;CP=&&&&"), "segment", "Flag: '256'"),
        (reframed("CN=2011;MN=A;CP=&&x=1&&y"), "segment", "CP: no && closes it"),
    ],
)
def test_bytes_that_are_no_frame_say_what_is_wrong_and_where(raw: bytes, code: str, says: str) -> None:
    with pytest.raises(Hj212Error) as caught:
        decode(raw)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_field_that_would_end_itself_is_not_written() -> None:
    with pytest.raises(Hj212Error, match="PW: '1;CN=2011' holds one of"):
        encode(Frame(cn="2011", mn="A", pw="1;CN=2011"))
    with pytest.raises(Hj212Error, match="10020 bytes; a frame says at most 9999"):
        encode(Frame(cn="2011", mn="A", cp="x" * 10_000))


@pytest.mark.parametrize("text", ["", "0", "z" * 32, "0" * 15, "钥" * 16])
def test_a_key_is_16_characters_or_32_digits(text: str) -> None:
    with pytest.raises(Hj212Error, match="16 ASCII characters or 32 hexadecimal digits"):
        key_from(text)


def test_an_answer_is_what_the_standard_prints() -> None:
    upload = Frame(qn="20160801085857223", st="32", cn="2011", pw="123456", mn=MN, flag=7, pnum=2, pno=1)
    assert encode(data_answer(upload)) == (
        b"##0087QN=20160801085857223;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&3240\r\n"
    )
    assert (notice_answer(upload).cn, request_answer(upload, 4).cp) == ("9013", "QnRtn=4")
    assert (result_answer(upload).cn, result_answer(upload, 100).cp) == ("9012", "ExeRtn=100")
    assert data_answer(Frame(cn="2011", mn="A")) == Frame(st="91", cn="9014", mn="A")
