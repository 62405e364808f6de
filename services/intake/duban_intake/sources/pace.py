"""How many reports a source may hand in: a minute's worth at once, and as many a minute in the long run. Pure.

Of our own, in place of a library: twelve lines, and those that were looked at read a clock of their own.
"""

from __future__ import annotations


class Pace:
    """What each source may still hand in, in this process. Seconds are those of any clock that never goes back."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str, rate: int | None, at: float) -> float:
        """Seconds until ``name`` may hand in something, 0 if it may now; ``rate``: most reports a minute."""
        if rate is None:
            return 0.0
        return max(0.0, (1.0 - self._now(name, rate, at)) * 60 / rate)

    def count(self, name: str, rate: int | None, at: float, reports: int) -> None:
        """Have ``name`` handed in ``reports``: many at once are taken, and waited for afterwards."""
        if rate is not None:
            self._left[name] = (self._now(name, rate, at) - reports, at)

    def _now(self, name: str, rate: int, at: float) -> float:
        left, since = self._left.get(name, (float(rate), at))
        return min(float(rate), left + (at - since) * rate / 60)
