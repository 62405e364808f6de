"""What stands in records, in the words of their pack and the language of who reads. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

from duban.messages.changes import Change
from duban.messages.records import AnyRecord, Listing
from duban.messages.struct import Frozen
from duban.pages.zones import zone_words
from duban.policy import Rules
from duban_console.assessment.words import Bilingual, Language, listed, said
from duban_console.pack_text.enumerations import chinese
from duban_console.pack_text.words import EVENTS, STATUSES
from duban_console.pages.labels import FIELDS, FIELDS_OF, KINDS

#: In which section of the pack stands what a field names.
_SECTIONS: Final = {
    "lead_unit": "units", "co_units": "units", "unit": "units", "owner": "units", "part": "units", "to": "units",
    "sponsor": "units", "pair": "units", "approval": "units", "keeper": "units", "fixed_by": "units",
    "category": "categories", "matter": "matters", "measure": "measures", "flag": "flags", "step": "steps",
    "reply": "replies", "platform": "platforms", "list": "lists", "reward": "rewards", "duty": "duties",
    "area": "areas", "channel": "channels", "target": "targets",
}  # fmt: skip
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class RecordWords:
    """Says what stands in records under ``rules``; without them, their pack not being here, by the ids alone.

    ``say`` gives what pages themselves say, in the same ``language``.
    """

    def __init__(self, language: Language, say: Callable[[str], str], rules: Rules | None) -> None:
        self.language = language
        self.say = say
        self.rules = rules

    @property
    def zone(self) -> ZoneInfo:
        """The time of the city."""
        return self.rules.zone if self.rules is not None else ZoneInfo("UTC")

    @property
    def city(self) -> str:
        """What the city is called by its pack: the area around all others; empty where that is not one."""
        outer = [area for area in self.rules.pack.areas if area.parent is None] if self.rules is not None else []
        return self.text(outer[0].title) if len(outer) == 1 else ""

    def text(self, text: Bilingual) -> str:
        """The pack's own words."""
        return said(text, self.language)

    def instant(self, at: datetime) -> str:
        """An instant in the time of the city, to the minute."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def clock(self, at: datetime, zone: str | None = None) -> str:
        """By which clock times of day are meant, in words: that of the city, unless it is that of ``zone``."""
        return zone_words(ZoneInfo(zone) if zone else self.zone, at, self.language)

    def length(self, length: timedelta) -> str:
        """How long something is, in its two largest units."""
        length = abs(length)
        days, hours, minutes = length // _DAY, length % _DAY // _HOUR, length % _HOUR // timedelta(minutes=1)
        if days >= 3:
            return self.say("{days} d").format(days=days)
        if days or hours:
            return self.say("{hours} h").format(hours=24 * days + hours)
        return self.say("{minutes} min").format(minutes=minutes)

    def status(self, status: str) -> str:
        """A status of a record."""
        return self._phrase(STATUSES, status)

    def event(self, kind: str) -> str:
        """What happened."""
        return self._phrase(EVENTS, kind)

    def kind(self, kind: str) -> str:
        """What a record is."""
        return self.say(KINDS[kind])

    def field(self, name: str, action: str = "") -> str:
        """What a field is called, in ``action`` where it is a field of that."""
        return self.say(FIELDS_OF.get((action, name)) or FIELDS.get(name) or name)

    def yes(self, value: bool) -> str:
        """Yes or no."""
        return self.say("Yes") if value else self.say("No")

    def unit(self, unit: str | None) -> str:
        """A unit by its title; whoever the pack does not have, by the name given."""
        return self.named("units", unit or "")

    def named(self, section: str, id_: str) -> str:
        """The entry ``id_`` of a section of the pack, by its title."""
        entries: Mapping[str, Any] = getattr(self.rules, section, {}) if self.rules is not None else {}
        if section == "channels" and self.rules is not None:
            entries = {channel.id: channel for channel in self.rules.pack.channels}
        entry = entries.get(id_) if isinstance(entries, Mapping) else None
        return self.text(entry.title) if entry is not None else id_

    def obligation(self, record: AnyRecord, id_: str) -> str:
        """What is owed in ``record``, by its title."""
        return self.text(obligation.title) if (obligation := self._obligation(record, id_)) is not None else id_

    def owed(self, kind: str, rule: str, id_: str) -> str:
        """What is owed in a record of that kind, which is known by no more than its ``rule``."""
        if kind == "problem":
            return self.named("obligations", id_)
        section = {"duty": "duties", "listing": "lists", "reward": "rewards"}.get(kind, "")
        return self.named(section, rule) if section and id_ else id_

    def clause_of(self, record: AnyRecord, obligation: str) -> str:
        """The clause on which an obligation rests; empty where it rests on practice."""
        known = self._obligation(record, obligation)
        return (known.clause or "") if known is not None else ""

    def clause(self, clause: str) -> str:
        """A clause as it is cited; what rests on practice says so."""
        return self.say("practice, no clause") if clause == "practice" else clause

    def check(self, id_: str) -> str:
        """A check of the gate, by its title."""
        gate = self.rules.pack.gate if self.rules is not None else None
        return next((self.text(check.title) for check in (gate.checks if gate else ()) if check.id == id_), id_)

    def ground(self, id_: str, record: AnyRecord) -> str:
        """A ground of the pack, whatever it is a ground of."""
        if self.rules is None:
            return id_
        grounds: list[Any] = [*self.rules.pack.rejections, *self.rules.pack.ratings]
        if isinstance(record, Listing) and record.list in self.rules.lists:
            grounds += self.rules.lists[record.list].grounds
        return next((self.text(ground.title) for ground in grounds if ground.id == id_), id_)

    def value(  # noqa: PLR0911 one line a type
        self, name: str, value: Any, record: AnyRecord
    ) -> str:
        """What a field says, as people read it."""
        if isinstance(value, bool):
            return self.yes(value)
        if isinstance(value, datetime):
            return self.instant(value)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Enum):
            return (chinese(value) if self.language == "zh" else None) or str(value.value).replace("_", " ")
        if isinstance(value, Frozen):
            parts = (getattr(value, part) for part in value.__struct_fields__)
            return " ".join(self.value("", part, record) for part in parts if part is not None)
        if isinstance(value, Mapping):
            return listed([f"{key}: {self.value('', part, record)}" for key, part in value.items()], self.language)
        if isinstance(value, tuple | list | frozenset):
            return listed([self.value(name, part, record) for part in value], self.language)
        return self._word(name, str(value), record)

    def _word(self, name: str, word: str, record: AnyRecord) -> str:
        if name == "obligation":
            return self.obligation(record, word)
        if name == "check":
            return self.check(word)
        if name == "ground":
            return self.ground(word, record)
        if name == "status":
            return self.status(word)
        return self.named(_SECTIONS[name], word) if name in _SECTIONS else word

    def fields(self, change: Change, record: AnyRecord, without: Iterable[str]) -> list[tuple[str, str]]:
        """What ``change`` says, field by field; nothing of what is at its default."""
        left_out, defaults = frozenset(without), _defaults(change)
        return [
            (self.field(name), self.value(name, value, record))
            for name in change.__struct_fields__
            if name not in left_out and (value := getattr(change, name)) != defaults.get(name) and value not in ("", ())
        ]

    def _obligation(self, record: AnyRecord, id_: str) -> Any:
        if self.rules is None:
            return None
        try:
            return self.rules.obligation(record, id_)
        except KeyError:
            return None

    def _phrase(self, phrases: Mapping[str, tuple[str, str]], word: str) -> str:
        english, native = phrases.get(word, (word.replace("_", " "), word))
        return native if self.language == "zh" else english


def _defaults(change: Change) -> dict[str, Any]:
    fields = change.__struct_fields__[len(change.__struct_fields__) - len(change.__struct_defaults__) :]
    return dict(zip(fields, change.__struct_defaults__, strict=True))
