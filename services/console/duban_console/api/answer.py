"""An answer on its way out: without the facets of records that are not for who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from fastapi import Response
from msgspec import Struct

from duban.messages.records import AnyRecord
from duban.messages.struct import plain, to_json
from duban_console.accounts.facets import ALL, Facet, hidden, sees_all
from duban_console.accounts.session import Principal
from duban_console.api.asker import Asker
from duban_console.api.mask import masked

A = TypeVar("A")

#: The header that says which facets an answer is without.
MASKED: Final = "Duban-Masked"


def respond(
    asks: Asker,
    answer: Struct | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    deed: str | None = None,
    of: AnyRecord | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Response:
    """``answer`` as JSON, as far as it is for who asks, with what stands ``beside`` it.

    ``deed`` is that by which they see it, for a page of records that of seeing each; ``of``: the record that all of it
    is about, as it was there for them.
    """
    answer, shut = shown_to(asks, answer, deed=deed, of=of)
    without = {MASKED: ", ".join(sorted(shut))} if shut else {}
    body = to_json({**beside, **plain(answer)} if beside and isinstance(answer, Struct) else answer)
    return Response(body, status, {**(headers or {}), **without}, "application/json")


def shown_to(
    asks: Asker, answer: A, *, deed: str | None = None, of: AnyRecord | None = None
) -> tuple[A, frozenset[Facet]]:
    """``answer`` as far as it is for who asks, and the facets that it is without; as with :func:`respond`."""
    principal = asks.principal
    if principal is not None and sees_all(principal):
        return answer, frozenset()
    shut: set[Facet] = set()

    def hidden_of(record: AnyRecord) -> frozenset[Facet]:
        seen = of if of is not None and of.id == record.id else record
        facets = ALL if principal is None else hidden(principal, deed or f"see_{record.kind}", seen)
        shut.update(facets)
        return facets

    around = hidden_of(of) if of is not None else _around(principal, deed)
    return masked(answer, around, hidden_of), frozenset(shut)


def _around(principal: Principal | None, deed: str | None) -> frozenset[Facet]:
    """What is hidden of an answer outside of every record: nothing of a page, which is nothing but records."""
    if deed is None:
        return frozenset()
    return ALL if principal is None else hidden(principal, deed)
