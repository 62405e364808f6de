"""How much each of many may ask for: a minute's worth at once, and as much a minute in the long run. Pure.

Of our own, in place of a library: those that were looked at read a clock of their own, and the one for asyncio took two
thirds of a core to forget who had come.
"""

from __future__ import annotations

from typing import Final

#: So many names are remembered at a time, some 10 MB.
_MOST: Final = 100_000


class Pace:
    """What each name may still ask for, in this process. Seconds are those of any clock that never goes back."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        #: When each may ask for a minute's worth at once again; who came longest ago stands first.
        self._whole_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._whole_at)

    def wait(self, name: str, rate: int | None, at: float) -> float:
        """Seconds until ``name`` may ask for one more, 0 if it may now; ``rate``: most a minute."""
        if rate is None:
            return 0.0
        return max(0.0, self._whole_at.get(name, at) - at - 60 * (rate - 1) / rate)

    def count(self, name: str, rate: int | None, at: float, times: int = 1) -> None:
        """Have ``name`` asked for so many: what goes beyond is not refused here, and waited for afterwards."""
        if rate is not None:
            whole_at = max(self._whole_at.pop(name, at), at) + times * 60 / rate
            self._whole_at[name] = whole_at
            self._forget(at)

    def _forget(self, at: float) -> None:
        """Whoever may ask for everything again is as one who never came; of too many, who came longest ago is."""
        while len(self._whole_at) > self._most or next(iter(self._whole_at.values()), at + 1) <= at:
            del self._whole_at[next(iter(self._whole_at))]
