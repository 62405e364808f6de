"""Reports from the rows of a table, by a mapping that says which column is what. Pure: rows in, reports out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from math import isfinite
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from duban.clock import within_range
from duban.coordinates import System, to_wgs84
from duban.messages.envelope import Message
from duban.messages.form import form_faults
from duban.messages.report import MOST_OF_TITLE, Prose, Report
from duban.messages.report import Name as _Name
from duban.messages.struct import canonical_json, flaw_of, from_data
from duban.policy.model.entry import Name, Written
from duban.policy.plain_data import Unreadable, one_line, plain_data
from duban.texts import is_blank
from duban_intake.channels.table import BadRow, Cell, Row, Table, TableError
from duban_intake.domain import submitted, unusable_identity

#: What a column, a constant or a value map may fill.
Target = Literal[
    "jurisdiction",
    "channel",
    "title",
    "text",
    "category",
    "matter",
    "area",
    "enterprise",
    "latitude",
    "longitude",
    "coordinates",
    "observed_at",
    "reply_form",
    "continues",
]
_REQUIRED: Final = ("jurisdiction", "channel")
#: Among the words of a value map: whatever is not named there, an empty cell too.
OTHERWISE: Final = "*"
#: How much of a text makes a title.
_TITLE: Final = 60
_SENTENCE: Final = re.compile(r"[。！？!?；;]|\.(?=\s)|\n")
#: Databases write fractions of a second with up to nine digits; a datetime has six.
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_ISO: Final = "iso8601"
#: Forms that count since 1970, by how many of theirs are a second.
_COUNTS: Final = {"unix": 1, "unix_ms": 1_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: How systems of coordinates are written, without case and signs.
_SYSTEMS: Final[dict[str, System]] = {"wgs84": "wgs84", "gcj02": "gcj02", "bd09": "bd09", "bd09ll": "bd09"}


class MappingError(TableError):
    """A mapping that cannot be used; says which entry, and what to do."""


class BrokenCell(Exception):
    """A cell that cannot be read, on its way into a :class:`BadRow`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name} is no time zone of the IANA list, such as Asia/Shanghai") from None
    return name


class Instants(Written):
    """How the source writes instants: in one of some strptime formats, and the zone of its wall clock.

    ``iso8601`` stands for all that ISO 8601 allows, ``unix`` for seconds since 1970 and ``unix_ms`` for thousandths of
    them. What a format would read and not heed is refused with the mapping.
    """

    format: Annotated[tuple[str, ...], Field(min_length=1)]
    timezone: Annotated[str, AfterValidator(_known_zone)]

    @field_validator("format", mode="before")
    @classmethod
    def _one_or_some(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given

    @model_validator(mode="after")
    def _heeded(self) -> Self:
        for form in self.format:
            if form not in (_ISO, *_COUNTS) and (why := self._unheeded(form)) is not None:
                raise ValueError(f"format {form}: {why}")
        return self

    def _unheeded(self, form: str) -> str | None:  # noqa: PLR0911 one line a way to be misread
        """What ``form`` would pass over of what a cell says."""
        plain = form.replace("%%", "")
        if "%Z" in plain:
            return "%Z reads the name of a zone and does not heed it; write %z for an offset, or the name as it stands"
        if "%p" in plain and "%I" not in plain:
            return "%p counts only with %I, the hour up to 12; %H is the hour up to 23"
        if re.search(r"(?<!%)Z\s*$", plain) and self.timezone not in ("UTC", "Etc/UTC", "Etc/UCT", "Zulu"):
            return "a Z at the end says UTC; write %z, which reads it, or timezone: UTC"
        at = datetime(2025, 11, 29, 17, 38, 45, 120_000, timezone(timedelta(hours=5, minutes=30)))
        try:
            read = datetime.strptime(at.strftime(form), form)  # noqa: DTZ007 only the wall clock is compared
        except ValueError as error:
            return f"cannot be read: {error}"
        if read.date() != at.date():
            return "does not say the whole date: year, month and day"
        if read.hour not in (0, at.hour):
            return "%I, the hour up to 12, needs %p beside it, which says before or after noon"
        return None

    def read(self, cell: Cell) -> datetime:
        """The instant that ``cell`` means; of an hour that the clock went through twice, the first.

        Raises:
            ValueError: it is written otherwise, or lies outside the years that can be counted.
        """
        local = cell if isinstance(cell, datetime) else self._parsed(cell)
        zoned = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(self.timezone))
        try:
            return within_range(zoned).astimezone(UTC)
        except ValueError as error:
            raise ValueError(f"{cell} {error}") from None

    def _parsed(self, text: str) -> datetime:
        short = _FRACTION.sub(r"\1", text)
        for form in self.format:
            try:
                if form in _COUNTS:
                    return _EPOCH + timedelta(seconds=float(text) / _COUNTS[form])
                if form != _ISO:
                    return datetime.strptime(short, form)  # noqa: DTZ007 the zone follows
                if not text.isdecimal():  # digits alone may be anything, a count of seconds among them
                    return datetime.fromisoformat(short)
            except (ValueError, OverflowError):
                continue
        raise ValueError(f"{text} is not of the form {' or '.join(self.format)}; correct it")


T = TypeVar("T", bound=str)


class Fields(Written, Generic[T]):
    """What fills each field: a column, with words in place of others, or a text that is always the same."""

    #: What a registered source says of all that it sends.
    OF_SOURCE: ClassVar[tuple[str, ...]] = ()

    columns: dict[T, str] = Field(default_factory=dict)
    constants: dict[T, str] = Field(default_factory=dict)
    values: dict[T, dict[str, str]] = Field(default_factory=dict)
    observed_at: Instants | None = None

    @property
    def filled(self) -> AbstractSet[str]:
        """The fields that something fills."""
        return {*map(str, self.columns), *map(str, self.constants)}

    @model_validator(mode="after")
    def _together(self) -> Self:
        filled = self.filled
        for field in self.columns.keys() & self.constants.keys():
            raise ValueError(f"{field} stands under columns and under constants; keep one")
        for field in self.values.keys() - self.columns.keys():
            raise ValueError(f"values has words for {field}, which has no column; name it under columns")
        if "observed_at" in filled and self.observed_at is None:
            raise ValueError("observed_at has a column, but nothing says its format and timezone")
        if ("latitude" in filled) != ("longitude" in filled):
            raise ValueError("latitude and longitude go together; name both columns or none")
        return self

    def need(self, *fields: str) -> None:
        """Raise ValueError where nothing fills one of ``fields``."""
        for field in fields:
            if field not in self.filled:
                raise ValueError(f"nothing fills {field}; name its column under columns, or its text under constants")


class Mapping(Fields[Target]):
    """How the rows of a table become reports.

    ``columns`` names the column behind a field, ``constants`` the text of a field that is the same in every row;
    ``values`` puts the city's own words in place of the source's, and ``*`` among them stands for all others;
    ``attributes`` are columns that go along as they are. Without ``id`` a row is known by its content. Where nothing
    fills the title, or its cell is too long for one, the text has it, and the title is made of how that begins.

    The file: ``encoding`` and ``delimiter`` of CSV, the ``sheet`` of a workbook, the line of the ``header``.
    """

    OF_SOURCE: ClassVar[tuple[str, ...]] = ("jurisdiction", "channel", "category")

    source: Name
    id: Annotated[str, Field(min_length=1)] | None = None
    attributes: tuple[Name, ...] = ()
    encoding: Literal["utf-8", "gb18030", "utf-16", "big5", "windows-1252"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    sheet: str | None = None
    header: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.need(*_REQUIRED, "title" if "text" not in self.filled else "text")
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that it names."""
        return (*filter(None, [self.id]), *self.columns.values(), *self.attributes)


def load_mapping(text: str, file: str) -> Mapping:
    """The mapping in the YAML ``text``.

    Raises:
        MappingError: naming ``file``, the entry and what is wrong with it.
    """
    try:
        return Mapping.model_validate(plain_data(text))
    except Unreadable as error:
        raise MappingError(f"{file}: {error}") from None
    except ValidationError as error:
        raise MappingError(f"{file}: {one_line(str(form_faults(error, Mapping)[0]))}") from None


def read_reports(table: Table, mapping: Mapping, at: datetime | None = None) -> Iterator[Message[Report] | BadRow]:
    """The reports in ``table``, in their order, and the rows that give none.

    A report is stated at the instant it was observed; ``at`` stands in where a row names none.

    Raises:
        TableError: a column of the mapping is not in the file.
    """
    known: dict[str, int] = {}
    table.need(mapping.needed)
    for row in table:
        yield row if isinstance(row, BadRow) else read_row(row, mapping, at, known)


def report_id(row: Row, mapping: Mapping, known: dict[str, int]) -> str:
    """The id of the report of ``row``; ``known``: the line of each id so far, to which it is added.

    Rows with the same content are as many reports.

    Raises:
        BrokenCell: the id is none, or is that of another row.
    """
    if mapping.id is None:
        content = sha256(canonical_json({name: str(cell) for name, cell in row.cells.items()})).hexdigest()[:32]
        id_, times = content, 1
        while id_ in known:
            id_, times = f"{content}-{times + 1}", times + 1
    else:
        id_ = str(row.cells[mapping.id])
        refusal = unusable_identity(mapping.source, id_)
        if refusal is not None:
            raise BrokenCell(mapping.id, refusal.reason if id_ else "is empty; give the row its id")
        if id_ in known:
            raise BrokenCell(mapping.id, f"{id_} is the id of line {known[id_]} too; one id, one row")
    known[id_] = row.line
    return id_


def read_row(row: Row, mapping: Mapping, at: datetime | None, known: dict[str, int]) -> Message[Report] | BadRow:
    """The report of ``row``, or why it gives none; ``known`` as in :func:`report_id`."""
    try:
        id_ = report_id(row, mapping, known)
        report = _report(row.cells, mapping)
    except BrokenCell as broken:
        return BadRow(row.line, broken.field, one_line(str(broken)))
    stated_at = report.observed_at or at
    if stated_at is None:
        return BadRow(row.line, column_of("observed_at", mapping), "is empty; the row has no instant")
    return submitted(mapping.source, id_, report, stated_at)


def fill(cells: AnyMapping[str, Cell], mapping: Fields[Any]) -> dict[str, object]:
    """What ``cells`` give for the fields of ``mapping``: a place in WGS 84, an instant in UTC, nothing that is blank.

    Raises:
        BrokenCell: one cannot be read.
    """
    filled: dict[str, object] = {str(field): text for field, text in mapping.constants.items()}
    for field, column in mapping.columns.items():
        cell = cells[column]
        words = mapping.values.get(field, {})
        filled[field] = words.get(str(cell), words.get(OTHERWISE, cell))
    filled = {field: cell for field, cell in filled.items() if not is_blank(str(cell))}
    system = str(filled.pop("coordinates", "wgs84"))
    latitude, longitude = filled.pop("latitude", None), filled.pop("longitude", None)
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise BrokenCell(column_of(missing, mapping), "is empty, while the other coordinate is given")
    if latitude is not None and not _is_zero(latitude, longitude):
        latitude, longitude = _on_the_earth(latitude, longitude, system, mapping)
        filled["location"] = {"latitude": latitude, "longitude": longitude}
    at = filled.get("observed_at")
    if isinstance(at, str | datetime) and mapping.observed_at is not None:
        filled["observed_at"] = _instant(at, mapping.observed_at, mapping)
    return filled


def _report(cells: dict[str, Cell], mapping: Mapping) -> Report:
    filled = fill(cells, mapping)
    _entitle(filled)
    filled["attributes"] = {column: str(cells[column]) for column in mapping.attributes if cells[column]}
    try:
        return from_data(filled, Report, texts=True)
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, Report)
        column = column_of(_field(flaw.place, cells, mapping), mapping)
        raise BrokenCell(
            column, "is empty; fill it" if flaw.sort == "missing" else f"{flaw.what}; correct it"
        ) from None


def _on_the_earth(latitude: object, longitude: object, system: str, mapping: Fields[Any]) -> tuple[object, object]:
    """The place in WGS 84; what is no number stays, for its own fault to be told."""
    known: System | None = _SYSTEMS.get(re.sub(r"[^a-z0-9]", "", system.casefold()))
    if known is None:
        names = ", ".join(sorted(set(_SYSTEMS)))
        raise BrokenCell(column_of("coordinates", mapping), f"{system} is no system of coordinates; use one of {names}")
    if known == "wgs84":
        return latitude, longitude
    try:
        point = float(str(latitude)), float(str(longitude))
    except ValueError:
        return latitude, longitude
    return to_wgs84(point, known) if isfinite(point[0]) and isfinite(point[1]) else (latitude, longitude)


def _is_zero(*coordinates: object) -> bool:
    """Whether each of ``coordinates`` is 0: exports write that where they know no place."""
    try:
        return not any(float(str(coordinate)) for coordinate in coordinates)
    except ValueError:
        return False


def _entitle(filled: dict[str, object]) -> None:
    """Give what has no title, or one that is too long for a title, that of its text."""
    title = str(filled.get("title", ""))
    if len(title) > MOST_OF_TITLE:
        filled.setdefault("text", title)
        title = ""
    if not title and "text" in filled:
        filled["title"] = _beginning(str(filled["text"]))


def _beginning(text: str) -> str:
    """The first sentence of ``text``, or as much of it as a title may have."""
    first = _SENTENCE.split(text.strip(), maxsplit=1)[0].strip() or text.strip()
    return first if len(first) <= _TITLE else f"{first[:_TITLE]}…"


def _field(place: tuple[str, ...], cells: dict[str, Cell], mapping: Mapping) -> str:
    """The field at ``place`` of a report; of the attributes, the first that cannot be one."""
    for column in mapping.attributes if place == ("attributes",) else ():
        try:
            from_data({column: str(cells[column])}, dict[_Name, Prose])
        except msgspec.ValidationError:
            return column
    return place[-1] if place else "(row)"


def _instant(cell: Cell, instants: Instants, mapping: Fields[Any]) -> datetime:
    try:
        return instants.read(cell)
    except ValueError as error:
        raise BrokenCell(column_of("observed_at", mapping), str(error)) from None


def column_of(field: str, mapping: Fields[Any]) -> str:
    """The column behind ``field``, for the reader of the file; the field itself where there is none."""
    return {str(target): column for target, column in mapping.columns.items()}.get(field, field)
