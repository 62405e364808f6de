"""What another policy would have made of a city's past: played for one person at a time, in a process beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from duban.clock import Clock
from duban.errors import DubanError
from duban.policy import PolicyPack
from duban.policy.library import Library
from duban_console.ledger import LedgerReader
from duban_console.policies.experiment_process import order, played

#: So many records are played at most: the latest of the period.
MOST_RECORDS: Final = 20_000
#: What nobody has looked at for so many seconds ends: who has asked for it has left.
PATIENCE: Final = 30.0
#: So many that are over are remembered, the latest.
_REMEMBERED: Final = 8
#: How often it is looked whether anybody still looks, in seconds.
_LOOK: Final = 1.0

Play = Callable[[bytes, AsyncIterator[bytes], Callable[[dict[str, Any]], None]], Awaitable[None]]


class ExperimentRefused(DubanError):
    """It is not begun; ``code``: ``busy`` while another one is played, ``no_calendar`` without the pack's."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(eq=False, slots=True)
class PolicyExperiment:
    """One that ``account`` has asked for: ``pack``, over the records that began ``since``, up to ``until``.

    ``begun_after``: there were too many, and the latest are played. ``read``, ``done`` and ``total`` say how far it is.
    At the end it has ``differences``, or a ``fault``: ``left`` (nobody looked any more), ``stopped``, ``too_much``,
    ``unplayable`` with what is in the way, ``broken``.
    """

    account: str
    pack: PolicyPack
    since: datetime
    until: datetime
    id: UUID = field(default_factory=uuid4)
    begun_after: datetime | None = None
    read: int = 0
    done: int = 0
    total: int = 0
    differences: dict[str, Any] | None = None
    fault: str = ""
    why: str = ""
    seen_at: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.differences is not None or bool(self.fault)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to play."""
        return self.differences is not None and self.differences["events"] == 0

    def hear(self, words: dict[str, Any]) -> None:
        """Take in what the process says."""
        if "done" in words:
            self.done, self.total = words["done"], words["of"]
        elif "differences" in words:
            self.differences = words["differences"]
        else:
            self.fault, self.why = words["fault"], words["why"]


class ExperimentDesk:
    """Plays one at a time, and ends it when whoever asked for it has left.

    The past comes from ``ledger``, and ``play`` has it played; ``patience`` is that with who does not look.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        library: Library,
        clock: Clock,
        play: Play = played,
        *,
        patience: float = PATIENCE,
        most: int = MOST_RECORDS,
    ) -> None:
        self._ledger = ledger
        self._library = library
        self._clock = clock
        self._play = play
        self._patience = patience
        self._most = most
        self._known: dict[UUID, PolicyExperiment] = {}
        self._current: PolicyExperiment | None = None
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def begin(self, account: str, pack: PolicyPack, since: datetime, until: datetime) -> PolicyExperiment:
        """Begin one; it goes on beside.

        Raises:
            ExperimentRefused: another one is played, or the calendar of ``pack`` is not published.
        """
        if self._current is not None and not self._current.is_over:
            raise ExperimentRefused("busy", "another experiment is played at present: try again in a few minutes")
        if self._library.calendar(pack.time.calendar) is None:
            raise ExperimentRefused("no_calendar", f"the calendar {pack.time.calendar} is not published")
        experiment = PolicyExperiment(account, pack, since, min(until, self._clock.now()))
        self._current = self._known[experiment.id] = experiment
        for old in list(self._known)[:-_REMEMBERED]:
            del self._known[old]
        self._look(experiment)
        task = self._tasks[experiment.id] = asyncio.create_task(self._run(experiment))
        task.add_done_callback(lambda _: self._tasks.pop(experiment.id, None))
        return experiment

    def seen(self, account: str, id_: UUID) -> PolicyExperiment | None:
        """The one that ``account`` has asked for, who looks at it now; None where there is none."""
        experiment = self._known.get(id_)
        if experiment is None or experiment.account != account:
            return None
        self._look(experiment)
        return experiment

    async def stop(self, experiment: PolicyExperiment) -> None:
        """Play it no further."""
        task = self._tasks.get(experiment.id)
        if not experiment.is_over and task is not None:
            experiment.fault = "stopped"
            task.cancel()
            await asyncio.wait([task])

    def _look(self, experiment: PolicyExperiment) -> None:
        experiment.seen_at = asyncio.get_running_loop().time()

    async def _run(self, experiment: PolicyExperiment) -> None:
        playing = asyncio.create_task(self._played(experiment))
        loop = asyncio.get_running_loop()
        try:
            while not playing.done():
                await asyncio.wait([playing], timeout=_LOOK)
                if loop.time() - experiment.seen_at > self._patience and not playing.done():
                    experiment.fault = "left"
                    return
            if (error := playing.exception()) is not None:
                experiment.fault, experiment.why = "broken", f"{type(error).__name__}: {error}"
            elif not experiment.is_over:
                experiment.fault = "broken"
        finally:
            playing.cancel()
            await asyncio.wait([playing])

    async def _played(self, experiment: PolicyExperiment) -> None:
        pack, since, until = experiment.pack, experiment.since, experiment.until
        experiment.begun_after = await self._ledger.begun_after(pack.jurisdiction, since, until, self._most)
        await self._play(order(pack, self._library, until), self._lines(experiment), experiment.hear)

    async def _lines(self, experiment: PolicyExperiment) -> AsyncIterator[bytes]:
        since = experiment.begun_after or experiment.since
        async for bodies in self._ledger.past(experiment.pack.jurisdiction, since, experiment.until):
            experiment.read += len(bodies)
            yield b"".join(body + b"\n" for body in bodies)
