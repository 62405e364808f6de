"""Reports from a CSV file, by a mapping that says which column is what. Pure: lines in, messages or bad rows out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

import msgspec
from pydantic import AfterValidator, Field, ValidationError, model_validator

from duban.clock import within_range
from duban.errors import DubanError
from duban.messages.envelope import Message
from duban.messages.report import Name as _Name
from duban.messages.report import Prose, Report
from duban.messages.struct import flaw_of, from_data
from duban.policy.model.entry import Name, Written
from duban.policy.plain_data import Unreadable, one_line, plain_data
from duban_intake.domain import submitted, unusable_identity

#: What a column, a constant or a value map may fill.
Target = Literal[
    "jurisdiction", "channel", "title", "text", "category", "area", "enterprise", "latitude", "longitude", "observed_at"
]
_REQUIRED: Final = ("jurisdiction", "channel", "title")


class MappingError(DubanError):
    """A mapping that cannot be used, or that does not fit the file; says which entry, and what to do."""


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
    """How the source writes instants: a strptime format, and the zone of its wall clock where it writes none."""

    format: str = Field(min_length=1)
    timezone: Annotated[str, AfterValidator(_known_zone)]


class Mapping(Written):
    """How the rows of a file become reports.

    ``columns`` names the column behind a field, ``constants`` the text of a field that is the same in every row;
    ``values`` puts the city's own words in place of the source's; ``attributes`` are columns that go along as they are.
    """

    source: Name
    id: str = Field(min_length=1)
    columns: dict[Target, str]
    constants: dict[Target, str] = Field(default_factory=dict)
    values: dict[Target, dict[str, str]] = Field(default_factory=dict)
    observed_at: Instants | None = None
    attributes: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        filled = self.columns.keys() | self.constants.keys()
        for field in _REQUIRED:
            if field not in filled:
                raise ValueError(f"nothing fills {field}; name its column under columns, or its text under constants")
        for field in self.columns.keys() & self.constants.keys():
            raise ValueError(f"{field} stands under columns and under constants; keep one")
        if "observed_at" in filled and self.observed_at is None:
            raise ValueError("observed_at has a column, but nothing says its format and timezone")
        if ("latitude" in filled) != ("longitude" in filled):
            raise ValueError("latitude and longitude go together; name both columns or none")
        return self


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that gives no report: the line of the file it ends on, the column or field, and why."""

    line: int
    field: str
    reason: str


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
        fault = error.errors(include_url=False)[0]
        path = ".".join(map(str, fault["loc"])) or "(root)"
        raise MappingError(f"{file}: {one_line(path + ': ' + fault['msg'].removeprefix('Value error, '))}") from None


def read_reports(
    lines: Iterable[str], mapping: Mapping, at: datetime | None = None
) -> Iterator[Message[Report] | BadRow]:
    """The reports in a CSV file with a header, in its order, and the rows that give none.

    A report is stated at the instant it was observed; ``at`` stands in where a row names none.

    Raises:
        MappingError: a column of the mapping is not in the file.
    """
    rows = csv.DictReader(_without_mark(lines), strict=True)
    try:
        _check_columns(rows.fieldnames or (), mapping)
        for row in rows:
            yield _read_row(row, rows.line_num, mapping, at)
    except csv.Error as error:
        yield BadRow(rows.line_num, "(row)", f"no CSV from here on: {error}; correct the line and import the rest")


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _check_columns(present: Iterable[str], mapping: Mapping) -> None:
    there = set(present)
    for column in (mapping.id, *mapping.columns.values(), *mapping.attributes):
        if column not in there:
            raise MappingError(
                one_line(f"the file has no column {column}; it has: {', '.join(present) or 'no header'}")
            )


def _read_row(row: dict[str, str | None], line: int, mapping: Mapping, at: datetime | None) -> Message[Report] | BadRow:
    if None in row or None in row.values():
        return BadRow(line, "(row)", "has not as many cells as the header; look for a stray comma or quotation mark")
    cells = {column: (cell or "").strip() for column, cell in row.items()}
    report_id = cells[mapping.id]
    refusal = unusable_identity(mapping.source, report_id)
    if refusal is not None:
        return BadRow(line, mapping.id, refusal.reason)
    try:
        report = _report(cells, mapping)
    except BrokenCell as broken:
        return BadRow(line, broken.field, str(broken))
    stated_at = report.observed_at or at
    if stated_at is None:
        return BadRow(line, _column("observed_at", mapping), "is empty; the row has no instant")
    return submitted(mapping.source, report_id, report, stated_at)


def _report(cells: dict[str, str], mapping: Mapping) -> Report:
    given: dict[Target, str] = {}
    for field, column in mapping.columns.items():
        given[field] = mapping.values.get(field, {}).get(cells[column], cells[column])
    filled: dict[str, object] = {field: text for field, text in (given | mapping.constants).items() if text}
    latitude, longitude = filled.pop("latitude", None), filled.pop("longitude", None)
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise BrokenCell(_column(missing, mapping), "is empty, while the other coordinate is given")
    if latitude is not None:
        filled["location"] = {"latitude": latitude, "longitude": longitude}
    if "observed_at" in filled and mapping.observed_at is not None:
        filled["observed_at"] = _instant(str(filled["observed_at"]), mapping.observed_at, mapping)
    filled["attributes"] = {column: cells[column] for column in mapping.attributes if cells[column]}
    try:
        return from_data(filled, Report, texts=True)
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, Report)
        column = _column(_field(flaw.place, cells, mapping), mapping)
        raise BrokenCell(
            column, "is empty; fill it" if flaw.sort == "missing" else f"{flaw.what}; correct it"
        ) from None


def _field(place: tuple[str, ...], cells: dict[str, str], mapping: Mapping) -> str:
    """The field at ``place`` of a report; of the attributes, the first that cannot be one."""
    for column in mapping.attributes if place == ("attributes",) else ():
        try:
            from_data({column: cells[column]}, dict[_Name, Prose])
        except msgspec.ValidationError:
            return column
    return place[-1] if place else "(row)"


def _instant(text: str, instants: Instants, mapping: Mapping) -> datetime:
    """The instant that ``text`` means; of an hour that the clock went through twice, the first."""
    try:
        read = datetime.strptime(text, instants.format)  # noqa: DTZ007 the zone follows
    except ValueError:
        raise BrokenCell(
            _column("observed_at", mapping), f"{text} is not of the form {instants.format}; correct it"
        ) from None
    local = read if read.tzinfo else read.replace(tzinfo=ZoneInfo(instants.timezone))
    try:
        return within_range(local).astimezone(UTC)
    except ValueError as error:
        raise BrokenCell(_column("observed_at", mapping), f"{text} {error}") from None


def _column(field: str, mapping: Mapping) -> str:
    """The column behind ``field``, for the reader of the file; the field itself where there is none."""
    return {str(target): column for target, column in mapping.columns.items()}.get(field, field)
