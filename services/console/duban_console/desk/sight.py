"""What somebody may see of a city at the desk: of which units, and without which facets. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from duban.moves import Kind
from duban_console.accounts.access import TABLE, Reach
from duban_console.accounts.account import Role
from duban_console.accounts.facets import SEEN_BY, Facet
from duban_console.accounts.session import Principal


@dataclass(frozen=True, slots=True)
class View:
    """By one role: records of ``kind`` in ``jurisdiction``, all or those to which ``unit`` is a party; None: in any."""

    kind: Kind
    role: Role
    jurisdiction: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class CitySight:
    """What is seen of one city: of some kinds every record, of others those to which one of ``units`` is a party."""

    views: tuple[View, ...]

    @property
    def whole(self) -> frozenset[Kind]:
        """The kinds of which every record is seen."""
        return frozenset(view.kind for view in self.views if view.unit is None)

    @property
    def partly(self) -> frozenset[Kind]:
        """The other kinds of which anything is seen."""
        return frozenset(view.kind for view in self.views) - self.whole

    @property
    def units(self) -> frozenset[str]:
        """The units whose records are seen, where not every record is."""
        return frozenset(view.unit for view in self.views if view.unit is not None)

    def sees(self, kind: Kind, parties: Collection[str]) -> bool:
        """Whether a record of this ``kind`` with these ``parties`` is there."""
        return any(True for _ in self._by(kind, parties))

    def hides(self, facet: Facet, kind: Kind, parties: Collection[str]) -> bool:
        """Whether ``facet`` of such a record is hidden: no view by which it is there shows it."""
        return not any(view.role in SEEN_BY[facet] for view in self._by(kind, parties))

    def always_shows(self, facet: Facet) -> bool:
        """Whether ``facet`` is shown of whatever is there: what is hidden of anything, nothing may be chosen by."""
        return all(view.role in SEEN_BY[facet] for view in self.views)

    def may_see_unit(self, kind: Kind, unit: str) -> bool:
        """Whether every record of this ``kind`` to which ``unit`` is a party is there."""
        return self.sees(kind, (unit,))

    def _by(self, kind: Kind, parties: Collection[str]) -> list[View]:
        return [view for view in self.views if view.kind is kind and (view.unit is None or view.unit in parties)]


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see at the desk, by the table of access; made once for each request, of who asks."""

    views: tuple[View, ...]

    @classmethod
    def of(cls, principal: Principal) -> Sight:
        """What ``principal`` may see."""
        views = [
            View(
                kind,
                each.role,
                None if reach is Reach.ALL or each.everywhere else each.jurisdiction,
                each.unit if reach is Reach.OWN and not each.everywhere else None,
            )
            for kind in Kind
            for each in principal.account.appointments
            if (reach := TABLE[f"see_{kind}"].get(each.role)) is not None
        ]
        return cls(tuple(dict.fromkeys(views)))

    def within(self, jurisdiction: str) -> CitySight:
        """What of it lies in ``jurisdiction``."""
        return CitySight(tuple(view for view in self.views if view.jurisdiction in (None, jurisdiction)))
