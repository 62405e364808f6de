"""Bytes as they arrive → frames. Whatever lies between two frames is passed on as garbage, and the reading goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from hj212.errors import Hj212Error
from hj212.frame import DIGITS, HEAD, Frame, examined, mn_of

#: So much garbage is passed on at once; more follows as another piece.
PIECE: Final = 4_096
_PREFIX: Final = len(HEAD) + DIGITS
_LINE_ENDS: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that belong to no frame, with what was wrong where they began; None: there was no ``##``."""

    data: bytes
    error: Hj212Error | None


Arrival: TypeAlias = Frame | Garbage


class Stream:
    """The frames in a stream of bytes, however it is cut into pieces, in order, and none of its bytes unaccounted for.

    ``key_of`` gives the SM4 key of a device by its MN. A frame is known by its length, its checksum and its CP=&&…&&;
    where these do not agree, the search goes on with the very next byte, so what is broken hides no frame behind it.
    """

    def __init__(self, key_of: Callable[[str], bytes | None] | None = None) -> None:
        self._key_of = key_of
        self._buffer = bytearray()
        self._garbage = bytearray()
        self._error: Hj212Error | None = None
        self._in_garbage = False  # since the last frame, passed on already or not

    @property
    def pending(self) -> int:
        """Bytes that wait for more: the beginning of a frame, or garbage that looks like one."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Arrival]:
        """What ``data`` completes, in order."""
        self._buffer += data
        return self._arrivals(final=False)

    def rest(self) -> list[Arrival]:
        """What is left when nothing more comes: frames behind a false beginning, and garbage.

        To be asked when a stream ends, and when it has been silent for longer than a frame takes.
        """
        arrivals = self._arrivals(final=True)
        self._pass_on(arrivals)
        return arrivals

    def _arrivals(self, *, final: bool) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while self._buffer:
            if not self._begins(final=final):
                break
            try:
                frame = self._frame()
            except Hj212Error as error:
                self._skip(arrivals, error)
                continue
            if frame is not None:
                self._pass_on(arrivals)
                arrivals.append(frame)
            elif final:
                self._skip(arrivals, Hj212Error("cut", "end", "the frame ends before its length"))
            else:
                break
            self._drain(arrivals)
        self._drain(arrivals)
        return arrivals

    def _begins(self, *, final: bool) -> bool:
        """Whether the buffer begins with a head, once what lies before the next one is skipped."""
        if self._buffer.startswith(HEAD):
            return True
        if not self._in_garbage:
            ends = len(self._buffer) - len(self._buffer.lstrip(_LINE_ENDS))
            del self._buffer[:ends]
        begin = self._buffer.find(HEAD)
        if begin < 0:
            half = self._buffer.endswith(HEAD[:1]) and not final
            begin = len(self._buffer) - half
        self._throw(begin)
        return self._buffer.startswith(HEAD)

    def _frame(self) -> Frame | None:
        """The frame at the beginning of the buffer; None while bytes of it are missing."""
        digits = self._buffer[len(HEAD) : _PREFIX]
        if digits and not digits.isdigit():
            raise Hj212Error("length", "byte 2", f"the length is four digits, not {bytes(digits)!r}")
        if len(digits) < DIGITS:
            return None
        segment = slice(_PREFIX, _PREFIX + int(digits))
        if len(self._buffer) < segment.stop + DIGITS:
            return None
        raw = bytes(self._buffer[: segment.stop + DIGITS])
        frame = examined(raw, segment, self._key_of(mn_of(raw[segment])) if self._key_of else None)
        del self._buffer[: len(raw)]
        return frame

    def _skip(self, arrivals: list[Arrival], error: Hj212Error) -> None:
        self._error = self._error or error
        self._throw(1)
        self._drain(arrivals)

    def _throw(self, count: int) -> None:
        self._in_garbage = self._in_garbage or count > 0
        self._garbage += self._buffer[:count]
        del self._buffer[:count]

    def _drain(self, arrivals: list[Arrival]) -> None:
        """Pass garbage on that fills a piece."""
        while len(self._garbage) >= PIECE:
            arrivals.append(Garbage(bytes(self._garbage[:PIECE]), self._error))
            del self._garbage[:PIECE]

    def _pass_on(self, arrivals: list[Arrival]) -> None:
        """Pass on what garbage there is: it has come to an end."""
        self._drain(arrivals)
        if self._garbage:
            arrivals.append(Garbage(bytes(self._garbage), self._error))
        self._garbage.clear()
        self._error = None
        self._in_garbage = False
