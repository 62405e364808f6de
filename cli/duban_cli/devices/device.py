"""One device of HJ 212 that is not there: it sends, waits for its answer, sends the same again, and counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, count, repeat
from typing import Final

from duban_cli.devices.series import Hour
from hj212 import ZONE, CommandCode, Frame, Stream, encode, written

#: What the standard has a device do without an answer.
RESENDS: Final = 3
_VERSION: Final = 2  # of 2025, in the upper bits of Flag
_WANTS_ANSWER: Final = 1
_AIR: Final = "22"


@dataclass(slots=True)
class SendTally:
    """What came of what was sent: by frames, and seconds from a frame to its answer."""

    sent: int = 0
    answered: int = 0
    sent_again: int = 0
    unanswered: int = 0
    broken: int = 0
    seconds: list[float] = field(default_factory=list)


def frames(mn: str, hours: Sequence[Hour], password: str, key: bytes | None, begun: datetime) -> Iterator[Frame]:
    """The frames that a device sends for ``hours``; their QN count the milliseconds from ``begun``."""
    numbers = count()
    for hour in hours:
        at = (begun + timedelta(milliseconds=next(numbers))).astimezone(ZONE)
        yield Frame(
            qn=f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}",
            st=_AIR,
            cn=CommandCode.HOUR,
            pw=password,
            mn=mn,
            flag=(_VERSION if key else 1) << 2 | _WANTS_ANSWER,
            cp=written(hour.at, hour.factors),
        )


class SimulatedDevice:
    """A device on a connection of its own; ``patience``: seconds that it waits for an answer."""

    def __init__(
        self, host: str, port: int, patience: float = 10.0, key: bytes | None = None, tally: SendTally | None = None
    ) -> None:
        self._host, self._port = host, port
        self._patience = patience
        self._key = key
        self._stream = Stream()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.tally = SendTally() if tally is None else tally

    async def connect(self) -> None:
        """Connect anew."""
        await self.close()
        self._stream = Stream()
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=4096)

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()
        self._reader = self._writer = None

    async def send(self, frame: Frame) -> bool:
        """Send ``frame`` until it is answered, four times at most: whether it was. A broken connection is made anew."""
        data = encode(frame, self._key)
        self.tally.sent += 1
        for attempt in range(1 + RESENDS):
            self.tally.sent_again += attempt > 0
            await self._connected()
            begun = time.perf_counter()
            try:
                async with asyncio.timeout(self._patience):
                    await self._exchange(data, frame.qn)
            except TimeoutError:
                continue
            except OSError:
                self.tally.broken += 1
                await self.close()
                continue
            self.tally.answered += 1
            self.tally.seconds.append(time.perf_counter() - begun)
            return True
        self.tally.unanswered += 1
        return False

    async def _connected(self) -> None:
        """Connect unless it is, however often the gateway is not there; a device has nobody to tell."""
        for delay in chain((0.1, 0.2, 0.5, 1.0, 2.0), repeat(5.0)):
            if self._writer is not None:
                return
            try:
                await self.connect()
            except OSError:
                self.tally.broken += 1
                await asyncio.sleep(delay)

    async def _exchange(self, data: bytes, qn: str) -> None:
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()
        await self._answer(qn)

    async def _answer(self, qn: str) -> None:
        """Return when 9014 has come for that QN."""
        assert self._reader is not None
        while True:
            data = await self._reader.read(4096)
            if not data:
                raise ConnectionResetError("the gateway has hung up")
            for arrival in self._stream.feed(data):
                if isinstance(arrival, Frame) and (arrival.cn, arrival.qn) == (CommandCode.DATA_ANSWER, qn):
                    return
