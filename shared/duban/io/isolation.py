"""One message that breaks the code is found by halving the batch; its neighbours are handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    """Hands batches to ``handle`` and sets the offenders aside, in order, however many they are.

    ``handle`` must leave nothing behind when it raises (one transaction), for parts of the batch come again.
    """

    handle: Callable[[Sequence[I]], Awaitable[Sequence[O]]]

    async def run(self, batch: Sequence[I]) -> tuple[list[O], list[Culprit[I]]]:
        """What ``handle`` gave for the messages that it could handle, and the others.

        Raises:
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
        except Exception as error:
            if is_unavailable(error):
                raise
            if len(batch) == 1:
                culprits.append(Culprit(batch[0], error, attempt))
                return
            half = len(batch) // 2
            await self._halve(batch[:half], attempt + 1, results, culprits)
            await self._halve(batch[half:], attempt + 1, results, culprits)
