"""Parts of one report → the whole. Each part is answered by itself; here their CP come together again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from hj212.errors import Hj212Error
from hj212.frame import Frame
from hj212.measurement import DATA_TIME, parameters


class Assembly:
    """Joins parts by MN, ST, CN and PNUM; a part with another DataTime begins a report of its own.

    At most ``most`` reports wait. Those that will not be whole any more lie in ``incomplete`` until they are taken.
    """

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._waiting: OrderedDict[tuple[str, str, str, int], dict[int, Frame]] = OrderedDict()
        self.incomplete: list[tuple[Frame, ...]] = []

    def add(self, frame: Frame) -> Frame | None:
        """``frame`` itself if it is no part, the whole if this was its last part; None while parts are missing.

        Raises:
            Hj212Error: its PNO is not one from 1 to PNUM.
        """
        if not frame.is_part:
            return frame
        assert frame.pnum is not None
        if frame.pno is None or not 1 <= frame.pno <= frame.pnum:
            raise Hj212Error("part", "PNO", f"{frame.pno}, where PNUM is {frame.pnum}")
        key = (frame.mn, frame.st, frame.cn, frame.pnum)
        parts = self._waiting.pop(key, {})
        if _are_of_two_reports(frame, parts):
            self._give_up(parts)
            parts = {}
        parts[frame.pno] = frame
        if len(parts) == frame.pnum:
            return _joined([parts[number] for number in sorted(parts)])
        self._waiting[key] = parts
        if len(self._waiting) > self._most:
            self._give_up(self._waiting.popitem(last=False)[1])
        return None

    def give_up(self) -> None:
        """Whatever waits will not be whole any more."""
        while self._waiting:
            self._give_up(self._waiting.popitem(last=False)[1])

    def _give_up(self, parts: dict[int, Frame]) -> None:
        self.incomplete.append(tuple(parts[number] for number in sorted(parts)))


def _are_of_two_reports(frame: Frame, parts: dict[int, Frame]) -> bool:
    there = parts.get(frame.pno or 0)
    if there is not None and there.cp != frame.cp:
        return True
    times = {time for part in (frame, *parts.values()) if (time := _time(part)) is not None}
    return len(times) > 1


def _time(frame: Frame) -> str | None:
    return next((value for name, value in parameters(frame.cp)[0] if name == DATA_TIME), None)


def _joined(parts: list[Frame]) -> Frame:
    first = parts[0]
    items = [item for part in parts for item in part.cp.strip(";").split(";")]
    times = [item for item in items if item.partition("=")[0].strip() == DATA_TIME]
    rest = [item for item in items if item not in times]
    flag = None if first.flag is None else first.flag & ~0b10
    return replace(first, cp=";".join([*times[:1], *rest]), flag=flag, pnum=None, pno=None, raw=b"")
