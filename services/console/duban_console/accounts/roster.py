"""Accounts as a file lists them, and an appointment as a person writes it in one word. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from duban.messages.report import Name
from duban.messages.struct import Frozen, Unfit, flaw_of, from_data
from duban_console.accounts.account import Appointment, folded_name, name_flaw

_MOST: Final = 10_000


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
