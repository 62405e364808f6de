"""From the text of a YAML file to a checked pack or calendar, or to errors that name file, path and law."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from duban.calendar import CalendarNotice
from duban.errors import PackError
from duban.messages.form import form_faults
from duban.policy.laws import breaches
from duban.policy.model.pack import PolicyPack
from duban.policy.plain_data import Unreadable, one_line, plain_data, sentence_in_one_line

M = TypeVar("M", bound=BaseModel)


def load_pack(text: str, file: str) -> PolicyPack:
    """The pack in ``text``.

    Raises:
        PackError: for the first fault of its form, or the first law it breaks; ``file`` is named in it.
    """
    pack = _load(PolicyPack, text, file)
    for path, law in breaches(pack):
        raise PackError(file, one_line(path), sentence_in_one_line(law))
    return pack


def load_calendar(text: str, file: str) -> CalendarNotice:
    """The holiday calendar in ``text``; a fault raises :class:`PackError` with ``file`` and path."""
    return _load(CalendarNotice, text, file)


def _load(model: type[M], text: str, file: str) -> M:
    try:
        return model.model_validate(plain_data(text))
    except Unreadable as error:
        raise PackError(file, error.place, error.problem) from None
    except ValidationError as error:
        fault = form_faults(error, model)[0]
        raise PackError(file, one_line(fault.path), sentence_in_one_line(fault.what)) from None
