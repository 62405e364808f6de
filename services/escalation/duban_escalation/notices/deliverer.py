"""What waits is sent: a line for each recipient, one notice after another, and no line waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from duban.clock import Clock
from duban.errors import Undecodable
from duban.io.availability import is_unavailable
from duban.io.backoff import backoff, cancelled, until_available, until_stopped
from duban_escalation.metrics import NOTICES, OLDEST_WAITING, WAITING
from duban_escalation.notices.handler import Deliveries, Line, WaitingNotice
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.webhook import NoticeRefused, PutOff

#: A receiver may ask for more time than our own back-off gives it, but not for any.
_LONGEST_ASKED: Final = 300.0
#: Seconds of answers that are noted together: a transaction for each costs more than the notice.
_NOTED_TOGETHER: Final = 0.1
#: A line lets the next one go first after so many notices or so many seconds.
_AT_ONCE: Final = 100
_SECONDS_AT_ONCE: Final = 1.0
#: Seconds between two looks at everything that waits.
_BETWEEN_LOOKS: Final = 15.0
#: Seconds that partitions which move wait for the answers under way.
_LETTING_GO: Final = 1.0


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A notice that nobody will have, for the reason that ``error`` gives; ``code`` is a short stable word."""

    notice: WaitingNotice
    error: Exception

    @property
    def is_readable(self) -> bool:
        """Whether this release can read the notice itself."""
        return not isinstance(self.error, Undecodable)

    @property
    def code(self) -> str:
        match self.error:
            case NoticeRefused():
                return "refused"
            case Undecodable(code=code):
                return code
            case error:
                return "put_off" if is_unavailable(error) else "fault"


class LaysAside(Protocol):
    """Whoever writes dead letters."""

    async def __call__(self, notices: Sequence[Unwanted]) -> None:
        """Lay ``notices`` aside; raises Unavailable while that cannot be done."""


@dataclass(slots=True)
class _Progress:
    """How far a line is: ``reached`` is the offset of its last notice that is done with.

    While notices of it are put off it has ``delays``.
    """

    more: bool = True
    reached: int = -1
    delays: Iterator[float] | None = None
    rests_until: float = 0.0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Deliverer:
    """Sends the notices that wait in the partitions that this member holds, through ``outlet``.

    At most ``concurrency`` are under way, each of another line. A line whose last notice was not taken rests for the
    next of its ``delays``, and all such lines together have no more than half of those places; so whoever hangs costs
    nobody else more. Answers are noted a tenth of a second after they came, so a kill repeats next to nothing. What
    the receiver refuses is set aside; so is what it still puts off ``patience`` after it was taken in.
    """

    def __init__(
        self,
        outlet: Outlet,
        deliveries: Deliveries,
        lay_aside: LaysAside,
        clock: Clock,
        concurrency: int = 16,
        patience: timedelta = timedelta(days=3),
        delays: Callable[[], Iterator[float]] = partial(backoff, 0.5, 60.0),
    ) -> None:
        self._outlet = outlet
        self._deliveries = deliveries
        self._lay_aside = lay_aside
        self._clock = clock
        self._concurrency = concurrency
        self._patience = patience
        self._delays = delays
        self._partitions: frozenset[int] = frozenset()
        self._lines: dict[Line, _Progress] = {}
        self._gone: dict[UUID, NoticeOutcome] = {}
        self._unwanted: dict[UUID, Unwanted] = {}
        self._noting = asyncio.Lock()
        self._looks_at = 0.0
        self._awake = asyncio.Event()
        self._stopping = asyncio.Event()

    def wake(self, lines: Collection[Line]) -> None:
        """Something new waits in ``lines``."""
        for line in lines:
            self._lines.setdefault(line, _Progress()).more = True
        self._awake.set()

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions whose notices it sends."""
        return self._partitions

    def look_anew(self) -> None:
        """Something waits that lies before what went out of its line: look at everything."""
        self._looks_at = 0.0
        self._awake.set()

    async def assigned(self, places: Set[tuple[str, int]]) -> None:
        """The lines of these partitions are ours now, and no others: look at what waits there."""
        self._partitions = frozenset(number for _, number in places)
        self._looks_at = 0.0
        self._awake.set()

    async def revoked(self, places: Set[tuple[str, int]]) -> None:
        """No line is ours; what is under way is waited for shortly, so that its next owner need not repeat it."""
        self._partitions = frozenset()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LETTING_GO):
                if under_way := self._under_way():
                    await asyncio.wait(under_way)
                await until_available("notices", self._note)

    def stop(self) -> None:
        """Begin no further notice; ``run`` waits for the answers under way, notes them and returns."""
        self._stopping.set()
        self._awake.set()

    async def run(self) -> None:
        """Send whatever waits, until ``stop``; a database that is away is waited for."""
        try:
            while not self._stopping.is_set():
                await until_stopped(self._stopping, until_available("notices", self.step))
            if under_way := self._under_way():
                await asyncio.wait(under_way)
            await until_available("notices", self._note)
        finally:
            await cancelled(self._under_way())

    async def step(self) -> None:
        """Note what was answered, begin what may begin, and wait until there is more to do."""
        idle = {line for line, progress in self._lines.items() if progress.task is None}
        await self._note()
        if self._now() >= self._looks_at:
            await self._look(idle)
        await self._begin()
        await self._pause()

    async def _look(self, noted: Set[Line]) -> None:
        """See what waits, and since when: there begins a line that is new to us, or whose answers are all ``noted``."""
        partitions = self._partitions
        lengths = await self._deliveries.lines(partitions)
        for length in lengths:
            progress = self._lines.setdefault(length.line, _Progress())
            if length.line in noted:
                progress.more, progress.reached = True, min(progress.reached, length.first - 1)
        WAITING.set(sum(length.count for length in lengths))
        oldest = min((length.since for length in lengths), default=self._clock.now())
        OLDEST_WAITING.set((self._clock.now() - oldest).total_seconds())
        if self._partitions is partitions:  # else look again at once
            self._looks_at = self._now() + _BETWEEN_LOOKS

    async def _begin(self) -> None:
        """Read the next notices of lines that may go, and send them beside each other."""
        lines, partitions = self._next(), self._partitions
        if not lines:
            return
        for progress in lines.values():
            progress.more = False
        try:
            behind = {line: progress.reached for line, progress in lines.items()}
            notices = await self._deliveries.waiting(behind, _AT_ONCE)
        except BaseException:
            for progress in lines.values():
                progress.more = True
            raise
        for line, progress in lines.items():
            mine = [notice for notice in notices if notice.line == line]
            if mine:
                progress.more |= len(mine) == _AT_ONCE
                self._lines[line] = self._lines.pop(line)  # the others come first next time
                progress.task = asyncio.create_task(self._send_line(progress, mine, partitions))

    def _next(self) -> dict[Line, _Progress]:
        """The lines that go next: one for each place, and those that were put off have half of the places at most."""
        now = self._now()
        ready = {
            line: progress
            for line, progress in self._lines.items()
            if progress.more and progress.task is None and now >= progress.rests_until and self._holds(line)
        }
        under_way = [progress for progress in self._lines.values() if progress.task is not None]
        places = self._concurrency - len(under_way)
        fresh = [line for line, progress in ready.items() if progress.delays is None][:places]
        again = [line for line, progress in ready.items() if progress.delays is not None]
        room = max(1, self._concurrency // 2) - sum(progress.delays is not None for progress in under_way)
        again = again[: max(0, min(room, places - len(fresh)))]
        return {line: ready[line] for line in (*fresh, *again)}

    async def _pause(self) -> None:
        if under_way := self._under_way():
            await asyncio.wait(under_way, timeout=_NOTED_TOGETHER)
            return
        if self._gone or self._unwanted:
            return
        self._awake.clear()
        rests = (progress.rests_until for line, progress in self._lines.items() if progress.more and self._holds(line))
        until = min((*rests, self._looks_at))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), max(0.0, until - self._now()))

    async def _send_line(
        self, progress: _Progress, notices: Sequence[WaitingNotice], partitions: frozenset[int]
    ) -> None:
        """Send ``notices`` in order, for as long as the line is ours, the receiver takes them and nobody waits long."""
        until = self._now() + _SECONDS_AT_ONCE
        try:
            for notice in notices:
                # Another set, even an equal one: somebody else may have sent what we have read.
                if self._partitions is not partitions or self._stopping.is_set() or self._now() > until:
                    break
                if not await self._send(progress, notice):
                    break
                progress.reached = notice.offset
            else:
                return
            progress.more = True
        finally:
            progress.task = None

    async def _send(self, progress: _Progress, notice: WaitingNotice) -> bool:
        """See ``notice`` off, or find that nobody will have it; False where it is to be sent again."""
        try:
            outcome = await self._outlet.send(notice.message())
        except Exception as error:  # whatever one notice does, the others go
            away = is_unavailable(error)
            if away and self._clock.now() - notice.taken_at < self._patience:
                self._rest(progress, error)
                return False
            progress.delays = progress.delays if away else None
            self._unwanted[notice.id] = Unwanted(notice, error)
            NOTICES.labels("refused").inc()
        else:
            progress.delays = None
            self._gone[notice.id] = outcome
            NOTICES.labels(outcome).inc()
        return True

    def _rest(self, progress: _Progress, error: Exception) -> None:
        NOTICES.labels("put_off").inc()
        progress.delays = progress.delays or self._delays()
        retry_after = (error.retry_after or 0.0) if isinstance(error, PutOff) else 0.0
        progress.rests_until = self._now() + max(next(progress.delays), min(retry_after, _LONGEST_ASKED))

    async def _note(self) -> None:
        """Write down what was answered, together with what others were answered meanwhile; kept if that fails."""
        async with self._noting:
            if gone := dict(self._gone):
                await self._deliveries.settle(gone)
                self._gone = {id_: outcome for id_, outcome in self._gone.items() if id_ not in gone}
            if unwanted := dict(self._unwanted):
                await self._lay_aside(list(unwanted.values()))
                await self._deliveries.settle(dict.fromkeys(unwanted, "set_aside"))
                for id_ in unwanted:
                    del self._unwanted[id_]

    def _holds(self, line: Line) -> bool:
        return line.partition in self._partitions

    def _under_way(self) -> set[asyncio.Task[None]]:
        return {progress.task for progress in self._lines.values() if progress.task is not None}

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
