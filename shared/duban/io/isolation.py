"""One message that breaks the code is found by halving the batch; its neighbours are handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from duban.errors import HandlerBroken
from duban.io.availability import is_unavailable

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class Culprit(Generic[I]):
    """A message that broke the code: the message, the error, and how often it was tried."""

    item: I
    error: Exception
    attempts: int


@dataclass(slots=True)
class Isolation(Generic[I, O]):
    """Hands batches to ``handle`` and sets the offenders aside, in order.

    ``handle`` must leave nothing behind when it raises (one transaction), for parts of the batch come again.
    ``most_in_a_row`` counts across batches; any message that is handled starts the count anew.
    """

    handle: Callable[[Sequence[I]], Awaitable[Sequence[O]]]
    most_in_a_row: int
    in_a_row: int = field(default=0, init=False)

    async def run(self, batch: Sequence[I]) -> tuple[list[O], list[Culprit[I]]]:
        """What ``handle`` gave for the messages that it could handle, and the others.

        Raises:
            HandlerBroken: when more than ``most_in_a_row`` messages in a row failed.
            Exception: whatever ``handle`` raised that means a dependency is away.
        """
        results: list[O] = []
        culprits: list[Culprit[I]] = []
        await self._halve(batch, 1, results, culprits)
        return results, culprits

    async def _halve(self, batch: Sequence[I], attempt: int, results: list[O], culprits: list[Culprit[I]]) -> None:
        if not batch:
            return
        try:
            results += await self.handle(batch)
            self.in_a_row = 0
        except Exception as error:
            if is_unavailable(error) or isinstance(error, HandlerBroken):
                raise
            if len(batch) == 1:
                self._set_aside(Culprit(batch[0], error, attempt), culprits)
                return
            half = len(batch) // 2
            await self._halve(batch[:half], attempt + 1, results, culprits)
            await self._halve(batch[half:], attempt + 1, results, culprits)

    def _set_aside(self, culprit: Culprit[I], culprits: list[Culprit[I]]) -> None:
        self.in_a_row += 1
        if self.in_a_row > self.most_in_a_row:
            raise HandlerBroken(
                f"{self.in_a_row} messages in a row broke the handler, the last with {culprit.error!r}: "
                "repair the code, then start again; nothing of this batch was given up"
            ) from culprit.error
        culprits.append(culprit)
