"""Rows of bytes in order, more than memory holds: sorted runs in one temporary file, merged when they are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from heapq import merge
from tempfile import TemporaryFile
from typing import Final, Self

_ROWS_AT_A_TIME: Final = 1000


class Spill:
    """Rows of ``width`` bytes each; at most ``most`` of them are in memory, about 40 bytes more than that each."""

    def __init__(self, width: int, most: int = 100_000) -> None:
        self._width = width
        self._most = most
        self._rows: list[bytes] = []
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 closed by ``close``
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: bytes) -> None:
        """Take ``row`` in."""
        assert len(row) == self._width
        self._rows.append(row)
        if len(self._rows) >= self._most:
            self._rows.sort()
            self._file.write(b"".join(self._rows))
            self._ends.append(self._file.tell())
            self._rows.clear()

    def __iter__(self) -> Iterator[bytes]:
        """Every row, once however often it came, in order."""
        runs = [self._run(start, end) for start, end in zip(self._ends, self._ends[1:], strict=False)]
        before = b""
        for row in merge(*runs, iter(sorted(self._rows))):
            if row != before:
                yield row
            before = row

    def _run(self, start: int, end: int) -> Iterator[bytes]:
        step = self._width * _ROWS_AT_A_TIME
        for at in range(start, end, step):
            rows = os.pread(self._file.fileno(), min(step, end - at), at)
            yield from (rows[place : place + self._width] for place in range(0, len(rows), self._width))
