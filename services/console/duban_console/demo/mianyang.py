"""The Mianyang timeline as scenes, and what must have become of each of its reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duban.moves import Status
from duban_console.demo.feed import Feed
from duban_console.demo.player import Scene
from duban_console.demo.story import Acted, Entry, Story, Told, load_story

_ENDS = {"struck_off": {Status.STRUCK_OFF}, "rejected": {Status.REJECTED}}


@dataclass(frozen=True, slots=True)
class Mianyang:
    """The story as scenes; ``until`` is its last instant."""

    story: Story
    scenes: Sequence[Scene]

    @property
    def reports(self) -> int:
        """How many reports are sent, refused ones included."""
        return len(self.story.reports)

    @property
    def until(self) -> datetime:
        """When the story ends."""
        return self.story.ends_at

    @property
    def lapsing(self) -> list[Told]:
        """The reports whose problems must miss a deadline."""
        return [told for told in self.story.reports if told.expect.lapsed]

    def faults(self, feed: Feed) -> Iterator[str]:
        """Where things did not end as the story expects."""
        for told in self.story.reports:
            found, wanted = _became(told, feed), told.expect
            if found != wanted.outcome:
                yield f"{told.source}/{told.id} is {found}, expected {wanted.outcome}"
            elif wanted.outcome not in ("attached", "refused"):
                lapsed = set(feed.lapsed.get(told.problem_id, ()))
                if lapsed != set(wanted.lapsed):
                    yield f"{told.source}/{told.id} lapsed {sorted(lapsed)}, expected {sorted(wanted.lapsed)}"


def load(file: Path) -> Mianyang:
    """The story in ``file``."""
    story = load_story(file.read_text("utf-8"), file.name)
    return Mianyang(story, [_scene(entry, place) for place, entry in enumerate(story.entries)])


def _scene(entry: Entry, place: int) -> Scene:
    order = place if isinstance(entry, Acted) else 0
    return Scene(entry.at, lambda _: [entry.message], order)


def _became(told: Told, feed: Feed) -> str:
    """The outcome of a report in the story's words."""
    if told.expect.outcome == "refused":
        return "refused" if told.id in feed.refused_reports else "not refused"
    if (told.source, told.id) in feed.attached:
        return "attached"
    problem = feed.problems.get(told.problem_id)
    if problem is None:
        return "refused" if told.id in feed.refused_reports else "missing"
    return next((name for name, statuses in _ENDS.items() if problem.status in statuses), "open")
