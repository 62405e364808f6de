"""Every pack and calendar that has been published, and the rules that they make. Pure; fed from ``duban.packs.v1``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from duban.calendar import CalendarNotice
from duban.policy.model.pack import PolicyPack, PublishedCalendar
from duban.policy.rules import Rules


class Library:
    """The packs by reference and by jurisdiction; rules are compiled when they are first asked for."""

    def __init__(self) -> None:
        self._packs: dict[str, PolicyPack] = {}
        self._of: dict[str, list[PolicyPack]] = {}
        self._notices: dict[str, CalendarNotice] = {}
        self._rules: dict[str, Rules] = {}

    @classmethod
    def of(cls, documents: Iterable[PolicyPack | PublishedCalendar]) -> Self:
        """The library that holds ``documents``."""
        library = cls()
        for document in documents:
            library.add(document)
        return library

    def add(self, published: PolicyPack | PublishedCalendar) -> None:
        """Take in what was published; an older version never displaces a newer one."""
        if isinstance(published, PolicyPack):
            self._add_pack(published)
        else:
            self._add_calendar(published.notice)

    def _add_pack(self, pack: PolicyPack) -> None:
        self._packs[pack.ref] = pack
        self._rules.pop(pack.ref, None)
        known = [other for other in self._of.get(pack.jurisdiction, ()) if other.ref != pack.ref]
        later = (at for at, other in enumerate(known) if other.id == pack.id and other.version > pack.version)
        known.insert(next(later, len(known)), pack)
        self._of[pack.jurisdiction] = known

    def _add_calendar(self, notice: CalendarNotice) -> None:
        known = self._notices.get(notice.id)
        if known is None or notice.version >= known.version:
            self._notices[notice.id] = notice
            self._rules.clear()

    @property
    def refs(self) -> list[str]:
        """Every pack there is, as ``id@version``."""
        return sorted(self._packs)

    @property
    def packs(self) -> list[PolicyPack]:
        """Every pack there is, in the order of their references."""
        return [self._packs[ref] for ref in self.refs]

    def pack(self, ref: str) -> PolicyPack | None:
        """The pack ``id@version``, whether or not its calendar is here."""
        return self._packs.get(ref)

    def calendar(self, id_: str) -> CalendarNotice | None:
        """The calendar ``id_`` as it was published last."""
        return self._notices.get(id_)

    @property
    def jurisdictions(self) -> list[str]:
        """Every jurisdiction that has a pack."""
        return sorted(self._of)

    def current(self, jurisdiction: str, at: datetime) -> Rules | None:
        """The rules under which problems of ``jurisdiction`` begin at ``at``; None where no usable pack is published.

        They are those of the newest pack that holds by then; before the first one holds, those of the first.
        """
        packs = self._of.get(jurisdiction, [])
        for pack in reversed(packs):
            rules = self.rules(pack.ref)
            if pack.effective_from is None or rules is None or at.astimezone(rules.zone).date() >= pack.effective_from:
                return rules
        return self.rules(packs[0].ref) if packs else None

    def rules(self, ref: str) -> Rules | None:
        """The rules of the pack ``id@version``; None until both the pack and its calendar are here."""
        rules = self._rules.get(ref)
        pack = self._packs.get(ref)
        if rules is None and pack is not None and pack.time.calendar in self._notices:
            rules = self._rules[ref] = Rules.compile(pack, self._notices[pack.time.calendar])
        return rules
