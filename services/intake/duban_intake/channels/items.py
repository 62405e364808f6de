"""Reports from JSON, by the mapping that tables have: a column is the path of a field. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import orjson
from pydantic import Field, ValidationError

from duban.errors import Fault
from duban.messages import struct
from duban.messages.envelope import Message
from duban.messages.form import form_faults
from duban.messages.report import Identity, Report, Reporter
from duban.messages.sources import RegisteredSource
from duban.policy.plain_data import one_line
from duban_intake.channels import columns
from duban_intake.channels.columns import BrokenCell, MappingError, read_row
from duban_intake.channels.table import BadRow, Row
from duban_intake.vault.contact import Contact

#: What a mapping says field by field, where what a channel says and what its source says come together.
_BY_FIELD: Final = ("columns", "constants", "values", "contact")


class ItemMapping(columns.Mapping):
    """How the items of a JSON document become reports: as a row of a table does, the path of a field for its column.

    ``items``: the path of the list, where the document is more than an item or a list of them. ``contact``: the paths
    of who reported, which goes into the vault and nowhere else.
    """

    items: str | None = None
    contact: dict[Literal["name", "phone", "email", "other"], str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportItem:
    """A report that a payload holds, by the number of its item, and who reported, if it says."""

    item: int
    message: Message[Report]
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a payload tells of a report that its source handed in before: it ended, or it goes on."""

    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a payload holds: reports, items that give none and why, and what it tells of earlier reports."""

    entries: tuple[ReportItem, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[Note, ...] = ()


M = TypeVar("M", bound=columns.Fields[Any])


def mapping_of(source: RegisteredSource, of_channel: Mapping[str, Any], model: type[M]) -> M:
    """How what ``source`` sends is read: as its channel says, where its own mapping says nothing else.

    Raises:
        MappingError: the two make no mapping; says what is missing.
    """
    own = source.mapping or {}
    given = {**of_channel, **own}
    for part in _BY_FIELD:
        given[part] = {**of_channel.get(part, {}), **_fields(own, part)}
    if "contact" not in model.model_fields and not given["contact"]:
        del given["contact"]
    for field in _fields(own, "constants"):
        given["columns"].pop(field, None)
        given["values"].pop(field, None)
    for field in _fields(own, "columns"):
        if field not in _fields(own, "constants"):
            given["constants"].pop(field, None)
    for field in model.OF_SOURCE:
        text = getattr(source, field)
        if text is not None and field not in given["columns"]:
            given["constants"].setdefault(field, text)
    given.setdefault("source", source.name)
    if given["source"] not in (source.name, *source.names):
        raise MappingError(f"the mapping of {source.name} names the source {given['source']}, which is not its own")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = one_line(str(form_faults(error, model)[0]))
        raise MappingError(f"the mapping of {source.name}: {fault}") from None


def _fields(mapping: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What ``mapping`` says of fields in ``part``; nothing where that is none, for the model to tell."""
    fields = mapping.get(part)
    return fields if isinstance(fields, dict) else {}


def document(body: bytes) -> Any:
    """The JSON document in ``body``.

    Raises:
        Fault: 400, it is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Fault(400, "not_json", f"the body is no JSON: {error}; send one document in UTF-8") from None


def listed(sent: Any, path: str | None) -> list[Any]:
    """The items of the document ``sent``: the list at ``path``, where the mapping names one; else it, or the one it is.

    Raises:
        Fault: 400, no list stands there.
    """
    if path is None:
        return sent if isinstance(sent, list) else [sent]
    items = inside(sent, path)
    if not isinstance(items, list):
        say = f"no list stands at {path}, where the mapping has the items; correct one of them"
        raise Fault(400, "invalid", say, path)
    return items


def read_items(items: Iterable[Any], mapping: ItemMapping, at: datetime) -> Parsed:
    """The reports in ``items``, and those that give none, by their number from 1; what says no instant has ``at``."""
    known: dict[str, int] = {}
    read = [_read_item(number, item, mapping, at, known) for number, item in enumerate(items, 1)]
    entries = tuple(entry for entry in read if isinstance(entry, ReportItem))
    return Parsed(entries, tuple(bad for bad in read if isinstance(bad, BadRow)))


def _read_item(
    number: int, item: Any, mapping: ItemMapping, at: datetime, known: dict[str, int]
) -> ReportItem | BadRow:
    if not isinstance(item, dict):
        return BadRow(number, "(item)", "is no JSON object; send one for each report")
    row = Row(number, {path: text_at(item, path) for path in mapping.needed})
    message = read_row(row, mapping, at, known)
    return message if isinstance(message, BadRow) else confided(ReportItem(number, message), item, mapping)


def confided(entry: ReportItem, item: Mapping[str, Any], mapping: ItemMapping) -> ReportItem | BadRow:
    """``entry`` with the contact that stands in ``item``, if one does, or what is wrong with that."""
    try:
        contact = _contact(item, mapping)
    except BrokenCell as broken:
        return BadRow(entry.item, broken.field, str(broken))
    if contact is None:
        return entry
    message = entry.message
    named = struct.replace(message.data, reporter=Reporter(identity=Identity.NAMED))
    return ReportItem(entry.item, struct.replace(message, data=named), contact)


def _contact(item: Mapping[str, Any], mapping: ItemMapping) -> Contact | None:
    given = {field: text for field, path in mapping.contact.items() if (text := text_at(item, path))}
    if not given:
        return None
    try:
        return Contact.model_validate(given)
    except ValidationError as error:
        fault = form_faults(error, Contact)[0]
        paths = {str(field): path for field, path in mapping.contact.items()}
        raise BrokenCell(paths.get(fault.path, "contact"), f"{fault.what}; correct it") from None


def text_at(item: Any, path: str) -> str:
    """What stands at ``path`` in ``item``, as a text without blanks around it; empty where nothing does."""
    match inside(item, path):
        case str() as text:
            return text.strip()
        case None:
            return ""
        case bool() as truth:
            return str(truth).lower()
        case int() | float() as number:
            return str(number)
        case whole:
            return orjson.dumps(whole).decode()


def inside(item: Any, path: str) -> Any:
    """What stands at ``path`` in ``item``, steps parted by dots, places in lists by their number from 0; else None."""
    if isinstance(item, dict) and path in item:  # a field may have dots in its own name
        return item[path]
    for step in path.split("."):
        match item:
            case dict():
                item = item.get(step)
            case list() if step.isdecimal() and int(step) < len(item):
                item = item[int(step)]
            case _:
                return None
    return item
