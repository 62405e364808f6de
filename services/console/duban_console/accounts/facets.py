"""What of a record which role sees: a second table, beside that of deeds, and the question that is asked of it. Pure.

Who may see a record sees all of it but what stands here. A facet that is not theirs is left out of whatever they are
answered, and no filter of theirs goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from duban.messages.records import AnyRecord
from duban.refusal import Refusal
from duban_console.accounts.access import appointments_for
from duban_console.accounts.account import Role
from duban_console.accounts.session import Principal


class Facet(StrEnum):
    """What of a record may be hidden from somebody who sees the record."""

    PLACE = "place"  #: where exactly it is; the area stays
    ENTERPRISE = "enterprise"  #: whom it is about, by name
    TEXT = "text"  #: what people wrote and handed in, titles and reasons among it
    REPORTER = "reporter"  #: how far who reported is known, and by which handle


#: Who has to do with the matter itself: who handles it, decides it, supervises it, or judges how that was done.
_OF_THE_MATTER: Final = frozenset(
    {Role.OFFICE, Role.DESK, Role.CLERK, Role.HEAD, Role.LEADER, Role.SUPERVISOR, Role.INSPECTOR, Role.AUDITOR}
)
#: The table: of each facet, which roles see it.
SEEN_BY: Final[Mapping[Facet, frozenset[Role]]] = MappingProxyType(
    {
        Facet.PLACE: _OF_THE_MATTER,
        Facet.ENTERPRISE: _OF_THE_MATTER,
        Facet.TEXT: _OF_THE_MATTER,
        # An insider among few is found by the mere word that it was one; and only who sees all can verify a history.
        Facet.REPORTER: frozenset({Role.OFFICE, Role.AUDITOR}),
    }
)


ALL: Final = frozenset(Facet)
#: The filters of lists that go by a facet.
FILTERS: Final[Mapping[str, Facet]] = MappingProxyType({"enterprise": Facet.ENTERPRISE, "of": Facet.ENTERPRISE})


def sees_all(principal: Principal) -> bool:
    """Whether no facet of anything is hidden from ``principal``."""
    roles = {appointment.role for appointment in principal.account.appointments}
    return all(roles <= seen_by for seen_by in SEEN_BY.values())


def hidden(
    principal: Principal, deed: str, record: AnyRecord | None = None, jurisdiction: str | None = None
) -> frozenset[Facet]:
    """The facets that ``principal`` does not see by ``deed``: of ``record``; else of some record, in ``jurisdiction``.

    Who has several appointments sees of a record what any of those shows by which it is there for them.
    """
    roles = [each.role for each in appointments_for(principal, deed, record, jurisdiction)]
    enough = any if record is not None else all
    return frozenset(
        facet for facet, seen_by in SEEN_BY.items() if not (roles and enough(role in seen_by for role in roles))
    )


def unfilterable(principal: Principal, deed: str, filter_: str, jurisdiction: str | None) -> Refusal | None:
    """Why ``principal`` may not have what ``deed`` shows chosen by ``filter_``, if they may not."""
    facet = FILTERS[filter_]
    if facet not in hidden(principal, deed, jurisdiction=jurisdiction):
        return None
    blind = {each.role for each in appointments_for(principal, deed, None, jurisdiction)} - SEEN_BY[facet]
    who = f"{principal.account.name}, as {', '.join(sorted(blind))}, does not see the {facet}"
    return Refusal("masked", f"{who}: leave this filter out, or say in which jurisdiction you do")
