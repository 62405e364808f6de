"""The vault: contacts go in at the gateway, with a report, and come out by two custodians together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NoReturn, Protocol
from uuid import UUID, uuid4

import structlog

from duban.clock import Clock
from duban.errors import DubanError
from duban.messages.commands import ENGINE
from duban.refusal import Refusal
from duban_intake.domain import own_problem
from duban_intake.report_seal import Why
from duban_intake.vault.chain import Audit, Line, audit
from duban_intake.vault.contact import Bound, Contact
from duban_intake.vault.custody import Act, ActKind, illegal
from duban_intake.vault.seal import Keyring, Sealed

_log = structlog.get_logger(__name__)

NO_KEY: Final = Refusal(
    "no_vault_key",
    "no contact is sealed or opened here: set DUBAN_VAULT_KEY (`openssl rand -base64 32` makes one), or send the "
    "report without contact",
)


class VaultRefused(DubanError):
    """What the vault does not do: ``code``, a short stable word, and a sentence with what to do."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.reason)
        self.code = why.code


@dataclass(frozen=True, slots=True)
class Held:
    """A row of the vault; ``sealed`` is None when the contact has been forgotten."""

    bound: Bound
    kept_at: datetime
    sealed: Sealed | None
    forgotten_at: datetime | None = None

    @property
    def key(self) -> UUID:
        """The identity of its report."""
        return own_problem(self.bound.source, self.bound.id)


class PersonalClass(StrEnum):
    """What is kept of a person, each under keys of its own."""

    CONTACT = "contact"  #: who reported, in the vault
    CONTENT = "content"  #: what the report says, as far as the pack has it sealed
    EVIDENCE = "evidence"  #: the files that it speaks of, if the pack has them sealed


@dataclass(frozen=True, slots=True)
class OverdueReport:
    """A report of which ``classes`` are kept no longer."""

    source: str
    id: str
    classes: tuple[PersonalClass, ...]

    @property
    def key(self) -> UUID:
        """Its identity."""
        return own_problem(self.source, self.id)


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """That the reporter of a report asks to have it erased, since when."""

    source: str
    id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was destroyed of a report: which classes, and of which files nothing is left."""

    classes: tuple[PersonalClass, ...] = ()
    files: tuple[str, ...] = ()


class Session(Protocol):
    """One transaction on the log, while nobody else writes there: everything in it stands, or nothing."""

    async def held(self, key: UUID) -> Held | None:
        """The row of the report ``key``."""

    async def accepted(self, key: UUID) -> bytes | None:
        """The digest of the report that intake has given a receipt under ``key``; None before it has."""

    async def history(self, ask: UUID) -> list[Act]:
        """What was done under ``ask``, in order."""

    async def append(self, act: Act) -> Line:
        """Write ``act`` at the end of the log."""

    async def forget(self, key: UUID, at: datetime) -> None:
        """Destroy what is sealed of ``key``; the row stays."""

    async def erase(self, key: UUID, at: datetime, why: Why, classes: Collection[PersonalClass]) -> Erasure:
        """Destroy the keys of the report ``key``, of ``classes``, and every hash of what it said; the rows stay."""


class VaultStore(Protocol):
    """What the vault remembers."""

    async def keep(self, held: Held) -> Held:
        """Write ``held`` unless its report has a row; the row that stands."""

    async def log(self) -> list[Line]:
        """The log, in order."""

    async def requests(self) -> list[ErasureRequest]:
        """What reporters ask to have erased, the oldest first."""

    async def due(self, at: datetime, after: UUID, limit: int) -> list[OverdueReport]:
        """At most ``limit`` reports beyond ``after`` of which something was to be kept until ``at`` or before."""

    def session(self) -> AbstractAsyncContextManager[Session]:
        """A transaction on the log."""


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """What the environment says: the keys, and how long an approval holds."""

    keyring: Keyring | None = None
    limit: timedelta = timedelta(hours=24)


class Vault:
    """Keeps contacts and opens them; each step raises VaultRefused where it may not be taken.

    ``by`` is the account of a custodian, whom the server has let in.
    """

    def __init__(self, store: VaultStore, clock: Clock, rules: DeskSettings) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules

    @property
    def keyring(self) -> Keyring | None:
        """The keys; None where the vault is not set up."""
        return self._rules.keyring

    async def keep(self, bound: Bound, contact: Contact) -> None:
        """Seal the contact of the report ``bound``; the same again changes nothing."""
        keyring = self._keys()
        stands = await self._store.keep(Held(bound, self._clock.now(), keyring.seal(contact, bound)))
        if stands.sealed is None:
            _refuse("forgotten", "the contact of this report has been destroyed and is not taken again; leave it out")
        if stands.bound != bound:
            say = (
                f"{bound.id} of {bound.source} has come with another body, contact or secret, and that one stands; "
                "send it as it was, or under a new id"
            )
            _refuse("other_body", say)
        if not keyring.same(contact, stands.sealed, bound):
            _refuse("other_contact", "this report has come with another contact; that one stands. Send it as it was")

    async def ask(self, source: str, report_id: str, by: str, reason: str) -> Line:
        """Ask to open the contact of a report; the line of the log names the ask."""
        act = Act(ActKind.ASKED, self._clock.now(), by, source, report_id, uuid4(), reason)
        async with self._store.session() as session:
            await self._sealed(session, source, report_id)
            line = await session.append(act)
        return _told(line)

    async def approve(self, ask: UUID, by: str) -> Line:
        """Agree to an ask; never who asked."""
        return await self._decide(ActKind.APPROVED, ask, by, "")

    async def refuse(self, ask: UUID, by: str, reason: str) -> Line:
        """End an ask, which may have been approved but not opened."""
        return await self._decide(ActKind.REFUSED, ask, by, reason)

    async def open(self, ask: UUID, by: str) -> tuple[Line, Contact]:
        """The contact, once, to who asked; in the log before anybody sees it. What does not open is not logged."""
        keyring = self._keys()
        async with self._store.session() as session:
            act = await self._next(session, ActKind.OPENED, ask, by, "")
            bound, sealed = await self._sealed(session, act.source, act.id)
            contact = keyring.unseal(sealed, bound)
            line = await session.append(act)
        return _told(line), contact

    async def forget(self, source: str, report_id: str, by: str, reason: str) -> Line:
        """Destroy the data key of a report's contact: nobody opens it again, whatever keys they hold."""
        act = Act(ActKind.FORGOTTEN, self._clock.now(), by, source, report_id, None, reason)
        key = own_problem(source, report_id)
        async with self._store.session() as session:
            held = await session.held(key)
            if held is None:
                _refuse("no_contact", f"the vault holds no contact for {report_id} of {source}")
            if held.sealed is None:
                _refuse("forgotten", f"the contact for {report_id} of {source} has been destroyed already")
            await session.forget(key, act.at)
            line = await session.append(act)
        return _told(line)

    async def erase(self, source: str, report_id: str, by: str, reason: str) -> tuple[Line, Erasure]:
        """Destroy every key of a report: nobody reads contact, content or files again, whatever else they hold."""
        act = Act(ActKind.ERASED, self._clock.now(), by, source, report_id, None, reason)
        async with self._store.session() as session:
            erasure = await session.erase(own_problem(source, report_id), act.at, Why.REQUEST, tuple(PersonalClass))
            line = await session.append(act) if erasure.classes else None
        if line is None:
            say = f"nothing is kept of {report_id} of {source} that could be destroyed, or it has been already"
            _refuse("nothing_kept", say)
        return _told(line), erasure

    async def requests(self) -> list[ErasureRequest]:
        """What reporters ask to have erased, the oldest first."""
        return await self._store.requests()

    async def forget_due(self, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Destroy what is kept no longer of the next ``limit`` reports beyond ``after``, each with a line in the log.

        The last of those reports, None where there is none; and of how many something was destroyed.
        """
        now, destroyed = self._clock.now(), 0
        reports = await self._store.due(now, after, limit)
        for report in reports:
            async with self._store.session() as session:
                erasure = await session.erase(report.key, now, Why.TERM, report.classes)
                if erasure.classes:
                    reason = f"kept no longer: {', '.join(erasure.classes)}"
                    act = Act(ActKind.ERASED, now, ENGINE, report.source, report.id, None, reason)
                    _told(await session.append(act))
                    destroyed += 1
        return (reports[-1].key if reports else None), destroyed

    async def log(self) -> list[Line]:
        """Every line of the log, in order."""
        return await self._store.log()

    async def verify(self, noted: Iterable[str] = ()) -> Audit:
        """Whether the log is whole, and holds each head that was ``noted`` earlier."""
        return audit(await self._store.log(), noted)

    async def _decide(self, kind: ActKind, ask: UUID, by: str, reason: str) -> Line:
        async with self._store.session() as session:
            line = await session.append(await self._next(session, kind, ask, by, reason))
        return _told(line)

    async def _next(self, session: Session, kind: ActKind, ask: UUID, by: str, reason: str) -> Act:
        """The act that follows under ``ask``."""
        before = await session.history(ask)
        source, report_id = (before[0].source, before[0].id) if before else ("", "")
        act = Act(kind, self._clock.now(), by, source, report_id, ask, reason)
        why = illegal(act, before, self._rules.limit)
        if why is not None:
            raise VaultRefused(why)
        return act

    async def _sealed(self, session: Session, source: str, report_id: str) -> tuple[Bound, Sealed]:
        """What is sealed for a report, and what it must be bound to."""
        key = own_problem(source, report_id)
        held, accepted = await session.held(key), await session.accepted(key)
        # A contact that came with another body under the same id belongs to a report that intake refused.
        if held is None or accepted not in (None, held.bound.digest):
            _refuse("no_contact", f"the vault holds no contact for {report_id} of {source}")
        if held.sealed is None:
            _refuse("forgotten", f"the contact for {report_id} of {source} has been destroyed")
        return Bound(source, report_id, held.bound.jurisdiction, held.bound.digest), held.sealed

    def _keys(self) -> Keyring:
        if self._rules.keyring is None:
            raise VaultRefused(NO_KEY)
        return self._rules.keyring


def _refuse(code: str, reason: str) -> NoReturn:
    raise VaultRefused(Refusal(code, reason))


def _told(line: Line) -> Line:
    """``line``, once the service's own log has its hash: a head that lies elsewhere than the table."""
    _log.info("vault", number=line.number, kind=line.act.kind, head=line.hash)
    return line
