"""Bulletins of the API: compiled in a thread, one at a time, and nobody waits for long in turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from duban.clock import Clock
from duban.errors import Fault
from duban.moves import Kind
from duban.policy import Rules
from duban.policy.library import Library
from duban.policy.model.assessment import Assessment, Bulletin, BulletinKind, Period
from duban_console.assessment.edition import Edition, edition
from duban_console.assessment.histories import histories
from duban_console.assessment.periods import as_of as instant
from duban_console.assessment.rows.targets import TargetReading, readings_of
from duban_console.assessment.selection import HANDLED, at_rest, chosen, needs_readings
from duban_console.assessment.sheet_formats import to_json
from duban_console.assessment.words import Language
from duban_console.ledger import LedgerReader, TooManyEvents

#: So many events are read for one: some 0.2 ms and 2.5 KB each. Of more it is compiled by the command, elsewhere.
MOST_EVENTS: Final = 1_000_000
#: A bulletin reads many events of a city: who comes while so many are compiled or wait is sent away.
_PRESENT: Final = 4
_RETRY_SECONDS: Final = 15


@dataclass
class BulletinDesk:
    """Compiles what the pack of a city offers from the ledger, as ``duban bulletin`` does."""

    ledger: LedgerReader
    library: Library
    clock: Clock
    most: int = MOST_EVENTS
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _present: int = field(default=0, init=False)

    async def compiled(
        self, ref: str, bulletin: str, as_of: str, period: Period | None, language: Language | None
    ) -> bytes:
        """The bulletin ``bulletin`` of the pack ``ref`` as JSON; raises Fault as :meth:`edition` does."""
        made = await self.edition(ref, bulletin, as_of, period, language)
        return await asyncio.to_thread(to_json, made.sheet)

    async def edition(
        self,
        ref: str,
        bulletin: str,
        as_of: str,
        period: Period | None,
        language: Language | None,
        near: timedelta | None = None,
    ) -> Edition:
        """The bulletin ``bulletin`` of the pack ``ref``; drawn too, if it is said when a limit is ``near``.

        Raises:
            Fault: 404, there is no such; 400, ``as_of`` is no local time, or has not passed; 409, the pack of a record
                or its calendar is missing; 413, it would be of too many events; 503, others are compiled.
        """
        rules = self._rules(ref)
        try:
            until_at = instant(as_of, rules.zone)
        except ValueError as error:
            raise Fault(400, "invalid", f"{error}; write 2022-04-30, or 2022-04-30T17:00", "as_of") from None
        if until_at > self.clock.now():
            raise Fault(400, "not_over", f"{as_of} has not passed yet: it would not be the same again", "as_of")
        try:
            offer = chosen(rules.pack, bulletin)
        except LookupError as error:
            raise Fault(404, "unknown_bulletin", str(error.args[0]), "bulletin") from None
        if self._present >= _PRESENT:
            say = f"other bulletins are compiled at this moment; send the same again in {_RETRY_SECONDS} s"
            raise Fault(503, "busy", say, retry=_RETRY_SECONDS)
        self._present += 1
        try:
            async with self._turn:
                return await self._in_turn(offer, rules, until_at, period, language, near)
        finally:
            self._present -= 1

    async def _in_turn(
        self,
        offer: Bulletin,
        rules: Rules,
        until_at: datetime,
        period: Period | None,
        language: Language | None,
        near: timedelta | None,
    ) -> Edition:
        city, assessment = rules.pack.jurisdiction, rules.pack.assessment
        of_targets = offer.kind is BulletinKind.TARGETS
        over = at_rest(offer, period, until_at, rules, self.library.packs)
        try:
            events = () if of_targets else await self.ledger.events(city, until_at, HANDLED, over, self.most)
        except TooManyEvents as error:
            say = f"{error}: compile it by `duban bulletin`, on a machine with memory for them"
            raise Fault(413, "too_many", say) from None
        read = await self._readings(offer, assessment, city, until_at)
        tongue: Language = language or ("zh" if offer.title.zh else "en")

        def work() -> Edition:
            past = list(histories(events, self._rules, city, until_at))
            return edition(offer, past, read, rules, until_at, period, tongue, near)

        return await asyncio.to_thread(work)

    async def _readings(
        self, offer: Bulletin, assessment: Assessment | None, city: str, until_at: datetime
    ) -> list[TargetReading]:
        if not needs_readings(offer, assessment):
            return []
        return readings_of(await self.ledger.events(city, until_at, (Kind.READING,)), city, until_at)

    def _rules(self, ref: str) -> Rules:
        """The rules of the pack ``ref``, by which records that cite it are judged."""
        rules = self.library.rules(ref)
        if rules is not None:
            return rules
        missing = self.library.pack(ref)
        what = f"the calendar {missing.time.calendar} of {ref}" if missing is not None else f"the pack {ref}"
        raise Fault(409, "not_published", f"{what} is not published: `duban pack publish` brings it")
