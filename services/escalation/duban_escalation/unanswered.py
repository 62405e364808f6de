"""What was sent and is not answered yet: nothing is sent twice at once, and what may be lost is sent again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from duban_escalation.domain import Armed

#: After the first sending; doubled by each that follows, as often as ``_DOUBLED``.
_AGAIN_AFTER: Final = timedelta(seconds=30)
_DOUBLED: Final = 4


@dataclass(slots=True)
class _Sending:
    at: datetime
    times: int
    look: int
    refused: bool = False


class Unanswered:
    """The commands of one member that are under way, whoever of it sent them: the sweep, or a batch of events.

    An answer takes its deadline out of the store, so what a whole look does not find again is answered, and forgotten.
    """

    def __init__(self) -> None:
        self._sendings: dict[UUID, _Sending] = {}
        self._look = 0

    def take(self, due: Iterable[Armed], now: datetime, *, armed_anew: bool = False) -> list[Armed]:
        """Those of ``due`` that are to be sent now; they count as sent.

        A refusal is no reason to ask again, unless the deadline was ``armed_anew`` after it.
        """
        return [deadline for deadline in due if self._takes(deadline.command, now, armed_anew)]

    def give_back(self, deadlines: Sequence[Armed]) -> None:
        """These were not sent after all."""
        for deadline in deadlines:
            self._sendings.pop(deadline.command, None)

    def refused(self, command: UUID) -> None:
        """The router has refused ``command``."""
        if (sending := self._sendings.get(command)) is not None:
            sending.refused = True

    def begin_look(self) -> None:
        """Everything that is due is looked at from the beginning."""
        self._sendings = {command: sending for command, sending in self._sendings.items() if sending.look == self._look}
        self._look += 1

    def forget(self) -> None:
        """Nothing counts as sent."""
        self._sendings.clear()

    def _takes(self, command: UUID, now: datetime, armed_anew: bool) -> bool:
        sending = self._sendings.get(command)
        if sending is None:
            self._sendings[command] = _Sending(now, 1, self._look)
            return True
        sending.look = self._look
        anew = armed_anew and sending.refused
        if not anew and now - sending.at < _AGAIN_AFTER * 2 ** min(sending.times - 1, _DOUBLED):
            return False
        sending.at, sending.times, sending.refused = now, sending.times + 1, False
        return True
