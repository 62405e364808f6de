"""Accounts as a file lists them, and an appointment as a person writes it in one word. Pure."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from duban.messages.report import Name
from duban.messages.struct import Frozen, Unfit, flaw_of, from_data, replace
from duban_console.accounts.account import Appointment, Role, folded_name, name_flaw

_MOST: Final = 10_000
#: The columns of a table of accounts; the first two are needed.
COLUMNS: Final = ("name", "full_name", "system", "role", "jurisdiction", "unit")
_MOST_FLAWS: Final = 20
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


class RosterEntry(Frozen):
    """One account: its name, the name of the person or the system, and every appointment that it has."""

    name: str
    full_name: Name
    system: bool = False
    appointments: tuple[Appointment, ...] = ()

    def __post_init__(self) -> None:
        if (flaw := name_flaw(self.name)) is not None:
            raise Unfit("name", flaw)


class Roster(Frozen):
    """A file of accounts; who is not in it stays as they are."""

    accounts: Annotated[tuple[RosterEntry, ...], Meta(max_length=_MOST)]

    def __post_init__(self) -> None:
        names = [folded_name(entry.name) for entry in self.accounts]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise Unfit("accounts", f"{twice} stands there twice; keep one")


def roster_in(data: Any) -> Roster:
    """The roster that ``data``, as read from YAML, says.

    Raises:
        ValueError: naming the first field that is wrong, and what is allowed there.
    """
    try:
        return from_data(data, Roster)
    except msgspec.ValidationError as error:
        raise ValueError(str(flaw_of(error, Roster))) from None


def roster_of_table(text: str) -> Roster:
    """The roster that ``text`` says, CSV with a row for each appointment; an account may stand in several.

    Raises:
        ValueError: a line for each fault, with the line and the column, and what is allowed there.
    """
    rows = csv.DictReader(text.removeprefix("\ufeff").splitlines(), strict=True)
    columns = rows.fieldnames or []
    if missing := [name for name in COLUMNS[:2] if name not in columns]:
        raise ValueError(f"line 1: there is no column {missing[0]}; the columns are {', '.join(COLUMNS)}")
    if strange := [name for name in columns if name not in COLUMNS]:
        raise ValueError(f"line 1: {strange[0]!r} is no column of ours; the columns are {', '.join(COLUMNS)}")
    entries: dict[str, RosterEntry] = {}
    flaws: list[str] = []
    try:
        for row in rows:
            flaws += [f"line {rows.line_num}, {flaw}" for flaw in _taken(row, entries)]
    except csv.Error as error:
        flaws.append(f"line {rows.line_num}: is no CSV: {error}")
    if flaws:
        more = [f"and {len(flaws) - _MOST_FLAWS} more"] if len(flaws) > _MOST_FLAWS else []
        raise ValueError("\n".join([*flaws[:_MOST_FLAWS], *more]))
    return Roster(accounts=tuple(entries.values()))


def _taken(row: Mapping[str | None, Any], entries: dict[str, RosterEntry]) -> Iterator[str]:
    """Take the row in among ``entries``; what is wrong with it, by its column."""
    if None in row or None in row.values():
        yield f"column {COLUMNS[0]}: the row has another number of cells than there are columns"
        return
    cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
    named = {part: cells[part] for part in ("role", "jurisdiction", "unit") if cells[part]}
    system = _YES.get(cells["system"].lower())
    if system is None:
        yield f"column system: {cells['system']} is neither yes nor no"
    try:
        appointments = (from_data(named, Appointment),) if named else ()
        entry = RosterEntry(
            name=cells["name"], full_name=cells["full_name"] or _full_name(cells["name"], entries), system=bool(system),
            appointments=appointments,
        )  # fmt: skip
        before = entries.get(folded_name(entry.name), entry)
        yield from _unlike(before, entry)
        both = tuple(dict.fromkeys((*before.appointments, *appointments)))
        entries[folded_name(entry.name)] = replace(before, appointments=both)
    except msgspec.ValidationError as error:
        yield f"column {flaw_of(error, Appointment)}"
    except Unfit as error:
        yield f"column {error}"


def _full_name(name: str, entries: Mapping[str, RosterEntry]) -> str:
    """The name of the person in an earlier row of the same account."""
    before = entries.get(folded_name(name))
    if before is None:
        raise Unfit("full_name", "is missing, and needed")
    return before.full_name


def _unlike(before: RosterEntry, entry: RosterEntry) -> Iterator[str]:
    if before.full_name != entry.full_name:
        yield f"column full_name: {entry.full_name}, and in an earlier row {before.full_name}"
    if before.system is not entry.system:
        yield "column system: another than in an earlier row of the same account"


def unit_doubts(roster: Roster, units: Mapping[str, Collection[str]]) -> list[str]:
    """Appointments for a city or a unit that no pack has, ``units`` by city; a leader is no unit of a pack."""
    doubts = []
    for entry in roster.accounts:
        for appointment in entry.appointments:
            city, unit = appointment.jurisdiction, appointment.unit
            if city is not None and city not in units:
                doubts.append(f"{entry.name}, {appointment}: no pack of {city} is published")
            elif city and unit and appointment.role is not Role.LEADER and unit not in units[city]:
                doubts.append(f"{entry.name}, {appointment}: {unit} is no unit of the pack of {city}")
    return doubts


def appointment_in(text: str) -> Appointment:
    """The appointment that ``text`` says: ``administrator``, or ``unit_clerk:linyi:市生态环境局``.

    Raises:
        ValueError: it says none; with what is allowed.
    """
    names = ("role", "jurisdiction", "unit")
    fields = {name: part for name, part in zip(names, text.split(":", 2), strict=False) if part}
    try:
        return from_data(fields, Appointment)
    except msgspec.ValidationError as error:
        raise ValueError(str(flaw_of(error, Appointment))) from None
