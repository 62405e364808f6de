"""A city's story with its pack, checked against one another: as scenes to play, and as entries to rehearse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from duban.messages.commands import Open
from duban.messages.envelope import Message, Payload
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban_cli.demo.observation import Seen
from duban_cli.demo.player import Scene
from duban_cli.demo.rehearsal import Rehearsal, opened_in, rehearse, stops
from duban_cli.demo.story import Acted, Entry, Story, StoryError, load_story
from duban_cli.demo.story_entry import Act, DutyTold, Ended, Routine, utc
from duban_cli.yaml_file import read_yaml
from duban_console.packs import publication as packs
from duban_local import ROOT

STORIES = ROOT / "deploy/demo"
_CALENDARS = ROOT / "deploy/calendars"


@dataclass(frozen=True)
class City:
    """A story and the rules it is played under; ``files`` are its pack and its calendar, to be published.

    ``entries`` are those of the story and what is done as a matter of routine.
    """

    story: Story
    rules: Rules
    files: tuple[Path, Path]
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """The city, as reports and packs name it."""
        return self.story.jurisdiction

    @property
    def until(self) -> datetime:
        """When the story ends."""
        return self.story.ends_at

    @property
    def scenes(self) -> list[Scene]:
        """Everything that people do, one thing after another; duties, which do not touch each other, at once."""
        return [
            Scene(entry.at, partial(_messages, entry), 0 if isinstance(entry.told, DutyTold) else place)
            for place, entry in enumerate(self.entries, start=1)
        ]

    @property
    def stops(self) -> list[datetime]:
        """When the clock stops for the calendar to open duties."""
        return stops(self.rules, self.story.begins_at, self.until)

    def rehearsed(self, looked_at: datetime | None = None) -> Rehearsal:
        """What the pure core makes of it on virtual time."""
        return rehearse(self.rules, self.entries, self.story.begins_at, self.until, looked_at)


def load(story_file: Path, pack_file: Path | None = None, calendar_file: Path | None = None) -> City:
    """The story in ``story_file`` under its pack; both are checked against one another.

    Raises:
        StoryError: a story that cannot be played, or not under this pack.
        PackError: a pack or calendar that breaks a law.
    """
    try:
        text = read_yaml(story_file)
    except (OSError, UnicodeDecodeError) as error:
        raise StoryError(f"{story_file}: cannot be read: {error}") from None
    story = load_story(text, story_file.name)
    if pack_file is None and story.pack is None:
        raise StoryError(f"{story_file.name}: names no pack: give it, or write `pack:` in the story")
    pack_file = pack_file or story_file.parent / str(story.pack)
    pack = packs.load(pack_file)
    if not isinstance(pack, PolicyPack):
        raise StoryError(f"{story_file.name}: {pack_file} is a calendar, not a pack")
    if calendar_file is None:
        calendar_file = story_file.parent / story.calendar if story.calendar else _calendar_of(pack)
    calendar = packs.load(calendar_file)
    if not isinstance(calendar, PublishedCalendar):
        raise StoryError(f"{story_file.name}: {calendar_file} is a pack, not a calendar")
    rules = Rules.compile(pack, calendar.notice)
    try:
        entries = (*story.entries, *routine_of(story, rules))
        _check(story, rules)
    except ValueError as error:
        raise StoryError(f"{story_file.name}: {error}") from None
    return City(story, rules, (pack_file, calendar_file), tuple(sorted(entries, key=lambda entry: entry.at)))


def named(name: str) -> City:
    """The story that comes with the engine under that name.

    Raises:
        StoryError: there is none; says which there are.
    """
    file = STORIES / f"{name}.yaml"
    if not file.exists():
        raise StoryError(f"there is no story of {name}; there are {', '.join(names())}")
    return load(file)


def names() -> list[str]:
    """The stories that come with the engine."""
    return sorted(file.stem for file in STORIES.glob("*.yaml") if not file.stem.endswith("-mapping"))


def routine_of(story: Story, rules: Rules) -> Iterator[Entry]:
    """What units submit as a matter of routine, where the story does not tell of the very duty."""
    own = {str(story.duty_id(owed)) for owed in story.duties}
    for id_, opened in opened_in(rules, story.begins_at, story.ends_at):
        routine = next((candidate for candidate in story.routine if candidate.takes(opened.duty, opened.unit)), None)
        if routine is None or id_ in own:
            continue
        at = _submits_at(routine, opened, rules)
        if story.begins_at <= at <= story.ends_at:
            yield _submitted(story, opened, UUID(id_), at, routine)


def _submits_at(routine: Routine, opened: Open, rules: Rules) -> datetime:
    if routine.at is not None:
        return utc(routine.at, rules.zone)
    assert routine.after is not None
    return rules.calendar.add(opened.opens_at, routine.after)


def _submitted(story: Story, opened: Open, id_: UUID, at: datetime, routine: Routine) -> Entry:
    local, opens = (instant.astimezone(story.zone).replace(tzinfo=None) for instant in (at, opened.opens_at))
    fields = {"outcome": "submitted", "evidence": routine.evidence}
    act = Act.model_validate({"at": local, "action": "complete", "by": opened.unit, **fields})
    ends = Ended(outcome="submitted")
    owed = DutyTold(duty=opened.duty, unit=opened.unit, opens=opens, acts=(act,), expect=ends)
    return story.acted(owed, act, id_, f"{owed.id}/routine")


def _calendar_of(pack: PolicyPack) -> Path:
    return _CALENDARS / f"{pack.time.calendar}.yaml"


def _check(story: Story, rules: Rules) -> None:
    """Raise ValueError where the story and its pack do not go together."""
    if story.jurisdiction != rules.pack.jurisdiction:
        raise ValueError(f"is of {story.jurisdiction}, the pack {rules.pack.ref} of {rules.pack.jurisdiction}")
    if story.zone != rules.zone:
        raise ValueError(f"counts in {story.timezone}, the calendar {rules.pack.time.calendar} in {rules.zone}")
    opened = {id_ for id_, _ in opened_in(rules, story.begins_at, story.ends_at)}
    for owed in story.duties:
        if str(story.duty_id(owed)) not in opened:
            raise ValueError(f"{owed.id}: the calendar opens no such duty for {owed.unit} at {owed.opens}")
    for routine in story.routine:
        for duty in routine.duties:
            if duty not in rules.duties:
                raise ValueError(f"routine: {rules.pack.ref} has no duty {duty}")
            owing = rules.owing(rules.duties[duty])
            for unit in routine.units:
                if unit not in owing:
                    raise ValueError(f"routine: {unit} does not owe {duty} under {rules.pack.ref}")


def _messages(entry: Entry, seen: Seen) -> list[Message[Payload]]:
    return [entry.now(seen) if isinstance(entry, Acted) else entry.message]
