"""One record of the ledger as a clerk would follow it: plain words, none of the services' own code.

Deadlines are reckoned here a second time, from the minutes that ``city.yaml`` gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

#: What follows from what; a pair that is absent cannot happen.
NEXT: Final = {
    ("", "registered"): "registered",
    ("registered", "dispatched"): "dispatched",
    ("registered", "rejected"): "rejected",
    ("dispatched", "dispatched"): "dispatched",
    ("dispatched", "acknowledged"): "underway",
    ("dispatched", "handed_back"): "registered",
    ("dispatched", "completed"): "verifying",
    ("underway", "handed_back"): "registered",
    ("underway", "progressed"): "underway",
    ("underway", "rejected"): "rejected",
    ("underway", "completed"): "verifying",
    ("verifying", "verified"): "verified",
    ("verifying", "sent_back"): "underway",
    ("verified", "sent_back"): "underway",
    ("verified", "struck_off"): "struck_off",
    ("struck_off", "reopened"): "underway",
    ("rejected", "reopened"): "registered",
    **{(status, "attached"): status for status in ("registered", "dispatched", "underway", "verifying", "verified")},
}
NEXT_OF_DUTY: Final = {("", "opened"): "underway"}
#: What leaves everything where it is.
LADDER: Final = ("reminded", "escalated", "measured")
#: While what an obligation runs, since when, and for how many minutes.
OBLIGATIONS: Final = {
    "acknowledge": (("dispatched",), ("dispatched",), 3),
    "rectify": (("registered", "dispatched", "underway"), ("registered", "reopened"), 12),
    "progress": (("underway",), ("acknowledged", "progressed", "sent_back", "reopened"), 5),
}
OF_DUTIES: Final = {
    "daily-report": (("underway",), ("opened",), 20 * 60),
    "explanation": (("underway",), ("opened",), 4),
}
#: The levels of the ladder, in minutes from the lapse.
LEVELS: Final = {1: -1, 2: 0, 3: 2}
LEVELS_OF_DUTY: Final = {1: 0}
CLOSED: Final = ("struck_off", "rejected")


@dataclass(slots=True)
class History:
    """What has happened to a record so far; ``faults`` are the laws that it broke, each with what is wrong."""

    status: str = ""
    version: int = 0
    at: datetime | None = None
    is_duty: bool = False
    rule: str = ""
    jurisdiction: str = ""
    location: bool = False
    #: When each kind of event last happened, and as which version.
    latest: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    #: The levels taken, by obligation and generation.
    taken: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Take in ``event``; the laws that it breaks, each with what is wrong."""
        change, at = event["change"], datetime.fromisoformat(event["at"])
        kind = change["kind"]
        if event["version"] != self.version + 1:
            yield "I8", f"version {event['version']} follows {self.version}"
        if kind == "opened":
            self.is_duty, self.rule = True, change["duty"]
        elif kind == "registered":
            self.rule = change["category"]
            self.location = "location" in change["filed"]["report"]
        if kind in ("reminded", "escalated"):
            yield from self._fired(change, at)
        if kind not in LADDER:
            following = (NEXT_OF_DUTY if self.is_duty else NEXT).get((self.status, kind))
            if following is None:
                yield "I9", f"what is {self.status} cannot be {kind}"
            self.status = following or self.status
        self.version, self.at = event["version"], at
        # A duty counts from its opening, however late the command comes.
        self.latest[kind] = (self.version, datetime.fromisoformat(change["opens_at"]) if kind == "opened" else at)
        self.events.append(event)

    def _fired(self, change: dict[str, Any], at: datetime) -> Iterator[tuple[str, str]]:
        obligation, level = change["obligation"], change["level"]
        what = f"{obligation} level {level} of {change['generation']} at {at:%H:%M:%S.%f}"
        since = self.since(obligation)
        if since is None or since[0] != change["generation"]:
            yield "I6", f"{what}: it does not run in that generation, but as {since}"
            return
        taken = self.taken.setdefault((obligation, since[0]), [])
        if level <= max(taken, default=0):
            yield "I4", f"{what}: {taken} were taken before"
        if at < self.due_at(obligation, level, since[1]):
            yield "I5", f"{what}: it is due at {self.due_at(obligation, level, since[1]):%H:%M:%S.%f}"
        taken.append(level)

    def since(self, obligation: str) -> tuple[int, datetime] | None:
        """The version and the instant since which ``obligation`` runs; None where it does not."""
        while_, since, _ = self._of(obligation)
        if self.status not in while_:
            return None
        return max((self.latest[kind] for kind in since if kind in self.latest), default=None)

    def due_at(self, obligation: str, level: int, since: datetime) -> datetime:
        """When a level of ``obligation`` is due."""
        levels = LEVELS_OF_DUTY if self.is_duty else LEVELS
        return since + timedelta(minutes=self._of(obligation)[2] + levels[level])

    def _of(self, obligation: str) -> tuple[tuple[str, ...], tuple[str, ...], int]:
        return (OF_DUTIES if self.is_duty else OBLIGATIONS)[obligation]

    def next_due(self) -> Iterator[tuple[datetime, str, int]]:
        """What is due next, as it stands: when, which obligation, which level."""
        names = [self.rule] if self.is_duty else list(OBLIGATIONS)
        levels = LEVELS_OF_DUTY if self.is_duty else LEVELS
        for obligation in names:
            since = self.since(obligation)
            if since is None:
                continue
            taken = max(self.taken.get((obligation, since[0]), [0]))
            for level in sorted(levels):
                due_at = self.due_at(obligation, level, since[1])
                too_late = levels[level] < 0 and self.at is not None and self.at >= self.due_at(obligation, 2, since[1])
                if level > taken and not too_late:
                    yield due_at, obligation, level
                    break

    @property
    def is_open(self) -> bool:
        """Whether it is on the ledger still."""
        return self.status not in CLOSED
