"""One frame: ``##``, the length of the data segment in four digits, the segment, its checksum in four hex digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from hj212.checksum import checksum
from hj212.cipher import CLOSING, OPENING, deciphered, enciphered
from hj212.codes import Version
from hj212.errors import Hj212Error

HEAD: Final = b"##"
#: Digits of the length, and of the checksum.
DIGITS: Final = 4
#: The longest segment that four digits can announce; the standard asks for 1,024, and devices send more.
MOST_BYTES: Final = 9_999
END: Final = b"\r\n"
_UNWRITABLE: Final = re.compile(r"[;=&#\x00-\x1f]")
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{4}")
_MN: Final = re.compile(rb"(?:^|;)MN=([^;]*)")
#: What may stand behind the closing &&: devices put it there and count it.
_BEHIND: Final = b" ;\r\n\t\x00"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame by the fields of its data segment, each as it is written there; ``cp`` stands between its two ``&&``.

    ``raw`` are the bytes that it was read from, without the line end; ``encrypted``: whether ``cp`` was, in them.
    """

    cn: str
    mn: str
    st: str = ""
    qn: str = ""
    pw: str = ""
    flag: int | None = None
    pnum: int | None = None
    pno: int | None = None
    others: tuple[tuple[str, str], ...] = ()
    cp: str = ""
    raw: bytes = field(default=b"", compare=False, repr=False)
    encrypted: bool = field(default=False, compare=False)

    @property
    def version(self) -> Version | None:
        """What its Flag says; None for a number that no edition has.

        Flag is no proof: surface-water stations sent 8 and 9 years before 2025. Who knows the device knows better.
        """
        number = (self.flag or 0) >> 2
        return next((version for version in Version if version == number), None)

    @property
    def wants_answer(self) -> bool:
        """Whether the sender waits for an answer, and sends again without."""
        return bool(self.flag and self.flag & 1)

    @property
    def is_part(self) -> bool:
        """Whether it is one of several that make one report."""
        return self.pnum is not None and self.pnum > 1


def encode(frame: Frame, key: bytes | None = None) -> bytes:
    """The bytes of ``frame`` with the line end; ``cp`` encrypted under ``key``, where there is one.

    Raises:
        Hj212Error: a field holds what would end it, or the segment is longer than four digits can say.
    """
    heads = "".join(f"{name}={value};" for name, value in _fields(frame))
    segment = heads.encode() + OPENING + frame.cp.encode() + CLOSING
    if len(segment) > MOST_BYTES:
        raise Hj212Error(
            "length", "segment", f"{len(segment)} bytes; a frame says at most {MOST_BYTES}: send it in parts"
        )
    sent = segment if key is None else enciphered(segment, key)
    return b"##%04d%s%04X\r\n" % (len(segment), sent, checksum(segment))


def _fields(frame: Frame) -> Iterator[tuple[str, str]]:
    numbers = {"Flag": frame.flag, "PNUM": frame.pnum, "PNO": frame.pno}
    texts = {"QN": frame.qn, "ST": frame.st, "CN": frame.cn, "PW": frame.pw}
    written = [
        *((name, value) for name, value in texts.items() if value),
        ("MN", frame.mn),
        *((name, str(value)) for name, value in numbers.items() if value is not None),
        *frame.others,
    ]
    for name, value in written:
        if _UNWRITABLE.search(name) or _UNWRITABLE.search(value):
            raise Hj212Error(
                "field", name, f"{value!r} holds one of ; = & # or a control character, which would end it"
            )
        yield name, value


def decode(data: bytes, key: bytes | None = None) -> Frame:
    """The one frame that ``data`` is, with its line end or without.

    Raises:
        Hj212Error: where it is none: ``head``, ``length``, ``cut``, ``checksum`` or what is wrong with its segment.
    """
    if not data.startswith(HEAD):
        raise Hj212Error("head", "byte 0", f"a frame begins with ##, not with {data[:2]!r}")
    segment, end = _bounds(data)
    if len(data) < end:
        raise Hj212Error("cut", "end", f"{len(data)} bytes, but with this length it has {end}")
    if behind := data[end:].strip(_BEHIND):
        raise Hj212Error("length", f"byte {end}", f"{len(behind)} bytes behind the frame; its length says otherwise")
    return examined(data[:end], segment, key)


def _bounds(data: bytes) -> tuple[slice, int]:
    digits = data[len(HEAD) : len(HEAD) + DIGITS]
    if not (len(digits) == DIGITS and digits.isdigit()):
        raise Hj212Error("length", "byte 2", f"the length is four digits, not {digits!r}")
    begin = len(HEAD) + DIGITS
    return slice(begin, begin + int(digits)), begin + int(digits) + DIGITS


def mn_of(segment: bytes) -> str:
    """The MN that ``segment`` names before its CP; empty where it names none."""
    match = _MN.search(segment.partition(OPENING)[0])
    return _text(match[1]) if match else ""


def examined(raw: bytes, segment: slice, key: bytes | None) -> Frame:
    """The frame in ``raw``, whose segment lies there.

    Raises:
        Hj212Error: the checksum is another (``checksum``), or the segment is no segment.
    """
    stated, sent = raw[segment.stop :], raw[segment]
    if not _HEX.fullmatch(stated):
        raise Hj212Error("checksum", f"byte {segment.stop}", f"the checksum is four hex digits, not {stated!r}")
    # Without && near its end it is no segment; asked first, because a checksum over garbage costs more.
    if CLOSING not in sent[-len(CLOSING) - 8 :] or OPENING not in sent:
        raise Hj212Error("segment", "segment", "it has no CP=&&…&&")
    expected = int(stated, 16)
    if key is not None:
        # The checksum takes 256 values, so it alone does not tell what was encrypted from what was not.
        plain = deciphered(sent, key)
        if checksum(plain) == expected and _is_readable(plain):
            return _read(plain, raw, encrypted=plain != sent)
    counted = checksum(sent)
    if counted != expected:
        raise Hj212Error("checksum", f"byte {segment.stop}", f"it says {stated.decode()}, counted is {counted:04X}")
    return _read(sent, raw, encrypted=False)


def _is_readable(segment: bytes) -> bool:
    try:
        return not _CONTROL.search(segment.decode())
    except UnicodeDecodeError:
        return False


def _read(segment: bytes, raw: bytes, *, encrypted: bool) -> Frame:
    head, _, body = segment.partition(OPENING)
    cp, closing, behind = body.rpartition(CLOSING)
    if not closing or behind.strip(_BEHIND):
        raise Hj212Error("segment", "CP", "no && closes it")
    fields: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in _text(head).split(";"))):
        name, equals, value = item.partition("=")
        if not equals:
            raise Hj212Error("segment", item[:40], "a field is written NAME=value")
        if name in fields:
            raise Hj212Error("segment", name, f"twice: {fields[name]} and {value}")
        fields[name] = value
    if not fields.get("CN"):
        raise Hj212Error("segment", "CN", "there is none")
    return Frame(
        cn=fields.pop("CN"),
        mn=fields.pop("MN", ""),
        st=fields.pop("ST", ""),
        qn=fields.pop("QN", ""),
        pw=fields.pop("PW", ""),
        flag=_number("Flag", fields.pop("Flag", None), 255),
        pnum=_number("PNUM", fields.pop("PNUM", None), 9_999),
        pno=_number("PNO", fields.pop("PNO", None), 9_999),
        others=tuple(fields.items()),
        cp=_text(cp),
        raw=raw,
        encrypted=encrypted,
    )


def _number(name: str, text: str | None, most: int) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= most):
        raise Hj212Error("segment", name, f"{text[:20]!r} is no number from 0 to {most}")
    return int(text)


def _text(data: bytes) -> str:
    """Text of a device: UTF-8 as the standard has it, else GB 18030, else a character for each byte."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
