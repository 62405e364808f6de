"""What the entries of a pack are made of: their ids, their texts for people, and what each of them rests on. Pure."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from duban.messages.report import MOST_OF_NAME
from duban.messages.struct import NAME
from duban.sentence import Sentence

#: An identifier in a pack: lower case, digits and dashes for what we name ourselves, the city's own spelling elsewhere.
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


#: A name that travels as a key or a label, as messages hold it.
Name = Annotated[str, Field(min_length=1, max_length=MOST_OF_NAME, pattern=NAME)]


def _day(value: object) -> object:
    """``value``, unless it is a number, which pydantic would take for seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value)):
        raise ValueError(
            Sentence(
                f"{value} is no date; write it as 2026-12-31",
                f"{value} 不是日期；请写成 2026-12-31",
            )
        )
    return value


#: A day as a pack has it, written ``2026-12-31``.
Day = Annotated[dt.date, BeforeValidator(_day)]


class Written(BaseModel):
    """A frozen part of what people write into files, strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Written):
    """A text for people: English always, Chinese as in the document where there is one."""

    en: str = Field(min_length=1)
    zh: str | None = None

    @property
    def native(self) -> str:
        """The words of the city: Chinese where there are any, as ledgers and notices say it."""
        return self.zh or self.en


class Founded(Written):
    """An entry that rests on something: a clause of the document, or practice."""

    clause: str | None = None
    basis: Literal["practice"] | None = None

    @model_validator(mode="after")
    def _rests_on_something(self) -> Founded:
        if (self.clause is None) == (self.basis is None):
            raise ValueError(
                Sentence(
                    "names either its clause or `basis: practice`",
                    "须写明条款（clause）或 `basis: practice`，且只写一个",
                )
            )
        return self


__all__ = ["Day", "Founded", "Id", "Name", "Text", "Written"]
