"""What changed between two packs, entry by entry, in the words of a reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal

from pydantic import BaseModel

from duban.calendar import Within
from duban.policy.language import Language
from duban.policy.model.entry import Text
from duban.policy.model.organisation import Responsibility
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.fields import field_name, others, value_in_words
from duban_console.pack_text.words import Words

DifferenceKind = Literal["added", "removed", "changed", "moved"]
#: What names an entry where it has no id, in this order.
_NAMES: Final = ("id", "measure", "flag", "kind")


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: in which ``section``, of which ``entry`` and ``field`` (empty for the whole), from what to what.

    ``old`` and ``new`` are in words; what was added has no ``old``, what was removed no ``new``.
    """

    section: str
    entry: str
    field: str
    change: DifferenceKind
    old: str | None = None
    new: str | None = None


def differences(before: PolicyPack, after: PolicyPack, language: Language = Language.EN) -> list[Difference]:
    """What is different in ``after``, in the order of the sections; none when they say the same."""
    words = Words(language)
    changes: list[Difference] = []
    for section in type(after).model_fields:
        old, new = getattr(before, section, None), getattr(after, section)
        if old != new:
            changes += _section(section, old, new, words)
    return changes


def in_words(difference: Difference) -> str:
    """One change in one line, without its section."""
    where = " ".join(part for part in (difference.entry, difference.field.replace("_", " ")) if part)
    colon = f"{where}: " if where else ""
    if difference.change == "added":
        return f"+ {colon}{difference.new}"
    if difference.change == "removed":
        return f"− {colon}{difference.old}"
    moved = "moved, " if difference.change == "moved" else ""
    return f"~ {colon}{moved}{difference.old} → {difference.new}"


def section_name(section: str, language: Language) -> str:
    """A section for people."""
    return field_name(section, Words(language))


def _section(section: str, old: Any, new: Any, words: Words) -> Iterator[Difference]:
    if not (_are_entries(old) and _are_entries(new)):
        for field, change, was, now in _inside("", old, new, words):
            yield Difference(section, "", field, change, was, now)
        return
    pairs = _paired(old, new)
    for name, earlier, later in pairs:
        if earlier is None or later is None:
            yield Difference(section, name, "", *_whole(earlier, later, words))
        else:
            for field_change in _inside("", earlier, later, words):
                yield Difference(section, name, *field_change)
    if section == "responsibility_list":  # the first match wins, so it matters where a line stands
        yield from _moved(section, old, new, pairs)


def _are_entries(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(entry, BaseModel) and not isinstance(entry, Within) for entry in value
    )


Pair = tuple[str, BaseModel | None, BaseModel | None]


def _paired(old: Sequence[BaseModel], new: Sequence[BaseModel]) -> list[Pair]:
    """Each entry by its name, as it was and as it is; a line that takes something else now is the same by its lead."""
    was, now = _by_name(old), _by_name(new)
    pairs: list[Pair] = []
    for name, entry in was.items():
        later = (
            name
            if name in now
            else next((candidate for candidate in now if candidate not in was and _akin(entry, now[candidate])), None)
        )
        pairs.append((name, entry, now.pop(later) if later is not None else None))
    return pairs + [(name, None, entry) for name, entry in now.items()]


def _by_name(entries: Sequence[BaseModel]) -> dict[str, BaseModel]:
    """The entries by what names them; a second one of a name gets a number."""
    named_entries: dict[str, BaseModel] = {}
    for entry in entries:
        name, count = _name(entry), 2
        while name in named_entries:
            name, count = f"{_name(entry)} ({count})", count + 1
        named_entries[name] = entry
    return named_entries


def _name(entry: BaseModel) -> str:
    if isinstance(entry, Responsibility):
        parts = (", ".join(names) for names in (entry.categories, entry.matters, entry.areas, entry.channels) if names)
        return " × ".join(parts) or "everything"
    return next((str(getattr(entry, field)) for field in _NAMES if getattr(entry, field, None) is not None), "entry")


def _akin(old: BaseModel, new: BaseModel) -> bool:
    """Whether a line of the responsibility list was only changed in what it takes."""
    if not (isinstance(old, Responsibility) and isinstance(new, Responsibility)) or old.lead != new.lead:
        return False
    return any(
        not {*getattr(old, field)}.isdisjoint(getattr(new, field))
        for field in ("categories", "matters", "areas", "channels")
    )


def _moved(section: str, old: Sequence[BaseModel], new: Sequence[BaseModel], pairs: list[Pair]) -> Iterator[Difference]:
    """The lines that stand elsewhere now, among those that stayed."""
    stayed = [(name, old.index(was), new.index(now)) for name, was, now in pairs if was is not None and now is not None]
    before = [name for name, _, _ in stayed]
    after = [name for name, _, _ in sorted(stayed, key=lambda line: line[2])]
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    still = {name for block in blocks for name in before[block.a : block.a + block.size]}
    for name, was_at, is_at in stayed:
        if name not in still:
            yield Difference(section, name, "", "moved", f"line {was_at + 1}", f"line {is_at + 1}")


FieldChange = tuple[str, DifferenceKind, str | None, str | None]


def _inside(path: str, old: Any, new: Any, words: Words) -> Iterator[FieldChange]:
    """The changes between two values, down to the fields that differ."""
    if old == new:
        return
    if _has_fields(old) and type(old) is type(new):
        for name in type(new).model_fields:
            at = f"{path}.{name}" if path else name
            yield from _inside(at, getattr(old, name), getattr(new, name), words)
    elif old and new and _are_entries(old) and _are_entries(new):
        yield from _inner_entries(path, old, new, words)
    elif isinstance(old, tuple) and isinstance(new, tuple) and (apart := _apart(old, new)) != ((), ()):
        gone, come = apart
        if gone:
            yield path, "removed", _told(gone, words), None
        if come:
            yield path, "added", None, _told(come, words)
    else:
        yield path, *_whole(old, new, words)


def _apart(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What is in ``old`` alone, and what in ``new`` alone."""
    return tuple(value for value in old if value not in new), tuple(value for value in new if value not in old)


def _has_fields(value: Any) -> bool:
    """Whether a value is told field by field; durations and texts are words by themselves."""
    return isinstance(value, BaseModel) and not isinstance(value, Within | Text)


def _inner_entries(path: str, old: Any, new: Any, words: Words) -> Iterator[FieldChange]:
    pairs = _paired(old, new)
    for name, was, now in pairs:
        at = f"{path}.{name}"
        if was is None or now is None:
            yield at, *_whole(was, now, words)
        else:
            yield from _inside(at, was, now, words)
    order = [name for name, was, now in pairs if was is not None and now is not None]
    if order != [name for name in _by_name(new) if name in set(order)]:
        yield path, "moved", ", ".join(_by_name(old)), ", ".join(_by_name(new))


def _whole(old: Any, new: Any, words: Words) -> tuple[DifferenceKind, str | None, str | None]:
    if old is None or old == ():
        return "added", None, _told(new, words)
    if new is None or new == ():
        return "removed", _told(old, words), None
    before, after = _told(old, words), _told(new, words)
    if before == after and isinstance(old, Text) and isinstance(new, Text):  # only the other language differs
        before, after = f"{old.en} / {old.zh or '–'}", f"{new.en} / {new.zh or '–'}"
    return "changed", before, after


def _told(value: Any, words: Words) -> str:
    """A value in words; an entry without its id, which is told already, and without what it rests on."""
    if _has_fields(value):
        return words.say("; ", "；").join(others(value, ("id", "basis"), words)) or "–"
    return value_in_words(value, words)
