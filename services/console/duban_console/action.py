"""An action, as a person or a system writes it, to the command that the router decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, cast
from unicodedata import normalize
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, create_model, field_validator

from duban.errors import DubanError
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.report import Name

#: Commands that only the services themselves send; no action leads to them.
_ENGINE_ONLY = (do.Register, do.Attach, do.Open, do.Reward, do.Escalate, do.Recompute)
#: Commands with which people begin a record: no actions on one, each has a door of its own.
_BEGINNING = (do.PutOnList,)

#: Every action by its name, which is the last word of its CloudEvents type.
ACTIONS: Final[dict[str, type[do.Command]]] = {
    type_.rpartition(".")[2]: model for type_, model in do.COMMANDS.items() if model not in (*_ENGINE_ONLY, *_BEGINNING)
}

#: What may serve as the id of a command, chosen by whoever sends it: sent again, it is the same command.
CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,119}$")]


class InvalidAction(DubanError):
    """An action that is no command: which ``field`` is wrong, a short stable ``code``, and why in words."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


def _form(name: str, model: type[do.Command]) -> type[do.Command]:
    """The command ``model`` with the name of its action, and the id that its sender may choose."""
    fields: dict[str, Any] = {"action": (Literal[name], ...), "id": (CommandId | None, None)}
    return create_model(f"{model.__name__}Action", __base__=model, __doc__=model.__doc__, **fields)


_FORMS = [_form(name, model) for name, model in ACTIONS.items()]
#: Any action, told apart by its name: the body of a request.
Action: Any = Annotated[reduce(or_, _FORMS), Field(discriminator="action")]
_ADAPTER: TypeAdapter[do.Command] = TypeAdapter(Action)


def parsed(body: Mapping[str, Any]) -> tuple[do.Command, str | None]:
    """The command in ``body``, and the id that its sender chose.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    try:
        form = _ADAPTER.validate_python(dict(body))
    except ValidationError as error:
        raise invalid(error) from None
    return command_of(form)


def command_of(form: do.Command) -> tuple[do.Command, str | None]:
    """The command inside a validated action, and the id that its sender chose."""
    fields = cast(Any, form)
    model = ACTIONS[fields.action]
    return model(**{name: getattr(form, name) for name in model.model_fields}), fields.id


class NewEntry(do.PutOnList):
    """An entry on a list, as its keeper writes it: where, and the id that makes the same entry again the same one."""

    jurisdiction: Name
    id: CommandId | None = None
    #: What a measure has caused, the engine enters by itself.
    cause: Literal[None] = None

    @field_validator("of", mode="before")
    @classmethod
    def _as_it_is_looked_up(cls, of: Any) -> Any:
        return plain_name(of) if isinstance(of, str) else of

    @field_validator("actor")
    @classmethod
    def _of_people(cls, actor: do.Actor) -> do.Actor:
        if actor.unit == do.ENGINE:
            raise ValueError(f"{do.ENGINE} enters what its measures lead to; by hand it is the keeper of the list")
        return actor

    @property
    def command(self) -> do.PutOnList:
        """The command for the router."""
        return do.PutOnList(**{name: getattr(self, name) for name in do.PutOnList.model_fields})

    def record_id(self, chosen: str) -> UUID:
        """The id of the entry that follows from the id ``chosen``, whichever door it comes through."""
        return derived_id("listing by hand", self.jurisdiction, chosen)


def plain_name(name: str) -> str:
    """A name as entries are looked up by it: NFKC, without white space around it; else letter by letter."""
    return normalize("NFKC", name).strip()


def new_entry(body: Mapping[str, Any]) -> NewEntry:
    """The entry in ``body``.

    Raises:
        InvalidAction: naming the first field that is wrong.
    """
    try:
        return NewEntry.model_validate(dict(body))
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> InvalidAction:
    """The first fault of a validation, without the tag that pydantic puts in front of the field."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return InvalidAction("invalid", field_of(fault["type"], fault["loc"]), fault["msg"].removeprefix("Value error, "))


def field_of(fault: str, place: tuple[int | str, ...]) -> str:
    """The path of the field at fault as its sender wrote it; empty when it is the whole body."""
    if fault.startswith("union_tag"):
        return "action"
    inner = place[1:] if place and place[0] in ACTIONS else place
    return ".".join(map(str, inner))


def action_message(
    command: do.Command, *, id_: str, problem_id: UUID, jurisdiction: str, source: str, at: datetime
) -> Message[do.Command]:
    """``command`` on its way to the router: keyed by its problem, so that its order in the partition is its turn."""
    subject = str(problem_id)
    return Message(
        id=id_, source=source, subject=subject, time=at, jurisdiction=jurisdiction, key=subject, data=command
    )
