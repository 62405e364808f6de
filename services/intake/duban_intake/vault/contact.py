"""What a reporter may leave, and what it is bound to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_LINE = r"^[^\x00-\x1f\x7f]*$"


class Contact(BaseModel):
    """How to reach a reporter, at least one of these. Neither its representation nor its faults show any of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_LINE)] | None = Field(
        None, repr=False
    )
    phone: Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=_LINE)] | None = Field(
        None, repr=False
    )
    email: Annotated[str, StringConstraints(min_length=3, max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")] | None = Field(
        None, repr=False
    )
    other: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")] | None = Field(
        None, repr=False, description="Any other way, in words"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any((self.name, self.phone, self.email, self.other)):
            raise ValueError("gives no way to reach anyone; fill name, phone, email or other, or leave it out")
        return self

    def canonical(self) -> bytes:
        """The contact as JSON: keys sorted, no white space, nothing that is absent."""
        return orjson.dumps(self.model_dump(exclude_none=True), option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Bound:
    """The report that a contact belongs to. ``digest`` is that of its body as published."""

    source: str
    id: str
    jurisdiction: str
    digest: bytes

    def canonical(self) -> bytes:
        """Bytes that no other report gives."""
        return orjson.dumps([self.source, self.id, self.jurisdiction, self.digest.hex()])
