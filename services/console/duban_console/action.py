"""An action, as a person or a system writes it, to the command that the router decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from math import isfinite
from operator import or_
from types import new_class
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

from duban.errors import DubanError
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.report import Name
from duban.messages.struct import NO_NEWLINE, Unfit, flaw_of, from_data, from_json, narrowed
from duban.texts import is_blank

T = TypeVar("T")

#: Commands that only the services themselves send; no action leads to them.
_ENGINE_ONLY = (do.Register, do.Attach, do.Open, do.Reward, do.Escalate, do.Recompute)
#: Commands with which people begin a record: no actions on one, each has a door of its own.
_BEGINNING = (do.Pledge, do.PutOnList, do.TakeReading)

#: Every action by its name, which is the last word of its CloudEvents type.
ACTIONS: Final[dict[str, type[do.Command]]] = {
    type_.rpartition(".")[2]: model for type_, model in do.COMMANDS.items() if model not in (*_ENGINE_ONLY, *_BEGINNING)
}

#: The name of each action.
NAMES: Final[dict[type[do.Command], str]] = {model: name for name, model in ACTIONS.items()}

#: What may serve as the id of a command, chosen by whoever sends it: sent again, it is the same command.
COMMAND_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,119}$"
CommandId = Annotated[str, Meta(pattern=COMMAND_ID + NO_NEWLINE)]


class InvalidAction(DubanError):
    """An action that is no command: which ``field`` is wrong, a short stable ``code``, and why in words."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


def _form(name: str, model: type[do.Command]) -> type[do.Command]:
    """The command ``model`` with the name of its action, and the id that its sender may choose.

    A reply names a report by ``id``: that is the id of the command, too.
    """
    own = "id" in model.__struct_fields__
    body: dict[str, Any] = {"__doc__": model.__doc__, "__module__": __name__, "action": name}
    body |= {"__annotations__": {"id": CommandId}} if own else {"__annotations__": {"id": CommandId | None}, "id": None}
    return new_class(
        f"{model.__name__}Action", (model,), {"tag_field": "action", "tag": name}, lambda to: to.update(body)
    )


_FORMS = [_form(name, model) for name, model in ACTIONS.items()]
#: Any action, told apart by its name: the body of a request.
Action: Any = reduce(or_, _FORMS)


def parsed(body: Mapping[str, Any] | bytes, *, texts: bool = False) -> tuple[do.Command, str | None]:
    """The command in ``body``, which is JSON or data, and the id that its sender chose; ``texts``: of a form.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    form = _read(body, Action, texts=texts)
    return narrowed(form, ACTIONS[form.action]), form.id


def _read(body: Mapping[str, Any] | bytes, model: type[T], *, texts: bool = False) -> T:
    try:
        return from_json(body, model) if isinstance(body, bytes) else from_data(body, model, texts=texts)
    except (msgspec.DecodeError, RecursionError) as error:
        flaw = flaw_of(error, model)
        raise InvalidAction("not_json" if flaw.sort == "not_json" else "invalid", ".".join(flaw.place),
                            f"the body {flaw.what}" if flaw.sort == "not_json" else flaw.what) from None  # fmt: skip


class NewEntry(do.PutOnList):
    """An entry on a list, as its keeper writes it: where, and the id that makes the same entry again the same one."""

    jurisdiction: Name
    id: CommandId | None = None
    #: What a measure has caused, the engine enters by itself.
    cause: None = None
    #: Kept and shown as it is written, but for the white space around it.
    of: str

    def __post_init__(self) -> None:
        if self.actor.unit == do.ENGINE:
            raise Unfit("actor", f"{do.ENGINE} enters what its measures lead to; by hand it is the keeper of the list")
        if is_blank(self.of):
            raise Unfit("of", "shows nothing: it is blank, or made of characters that nobody sees")
        try:
            force_setattr(self, "of", from_data(self.of.strip(), Name))
        except msgspec.ValidationError as error:
            raise Unfit("of", flaw_of(error).what) from None

    @property
    def command(self) -> do.PutOnList:
        """The command for the router."""
        return narrowed(self, do.PutOnList)

    def record_id(self, chosen: str) -> UUID:
        """The id of the entry that follows from the id ``chosen``, whichever door it comes through."""
        return derived_id("listing by hand", self.jurisdiction, chosen)


def new_entry(body: Mapping[str, Any] | bytes) -> NewEntry:
    """The entry in ``body``, which is JSON or data.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    return _read(body, NewEntry)


class NewPledge(do.Pledge):
    """A pledge of an enterprise, as the unit that takes it writes it: where, and the id that makes it the same one."""

    jurisdiction: Name
    id: CommandId | None = None

    @property
    def command(self) -> do.Pledge:
        """The command for the router."""
        return narrowed(self, do.Pledge)

    def record_id(self, chosen: str) -> UUID:
        """The id of the pledge that follows from the id ``chosen``, whichever door it comes through."""
        return derived_id("pledge", self.jurisdiction, chosen)


def new_pledge(body: Mapping[str, Any] | bytes) -> NewPledge:
    """The pledge in ``body``, which is JSON or data.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    return _read(body, NewPledge)


class NewReading(do.TakeReading):
    """A reading of a target, as who answers for it writes it: where, and the id of the command."""

    jurisdiction: Name
    id: CommandId | None = None

    def __post_init__(self) -> None:
        if self.actor.unit == do.ENGINE:
            raise Unfit(
                "actor", f"{do.ENGINE} reads nothing; it is the unit that answers for the target, or the office"
            )
        if not isfinite(self.value):
            raise Unfit("value", "is no number that anybody reads")

    @property
    def command(self) -> do.TakeReading:
        """The command for the router."""
        return narrowed(self, do.TakeReading)


def new_reading(body: Mapping[str, Any] | bytes) -> NewReading:
    """The reading in ``body``, which is JSON or data.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    return _read(body, NewReading)


def action_message(
    command: do.Command, *, id_: str, problem_id: UUID, jurisdiction: str, source: str, at: datetime
) -> Message[do.Command]:
    """``command`` on its way to the router: keyed by its problem, so that its order in the partition is its turn."""
    subject = str(problem_id)
    return Message(
        id=id_, source=source, subject=subject, time=at, jurisdiction=jurisdiction, key=subject, data=command
    )
