"""The door that every report comes in by: who speaks, how much of it is taken, and what goes to the broker."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address
from math import ceil
from typing import Final, Protocol
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import Request

from duban.clock import Clock
from duban.errors import Fault, RecordTooLarge
from duban.io.evidence.desk import checked
from duban.io.evidence.reception import Reception
from duban.io.hosts import is_forwarded
from duban.io.secrets_file import SecretsFile
from duban.messages import struct
from duban.messages.envelope import Message, Record, encode
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban.messages.trace import called_by
from duban.pace import Pace
from duban_intake.channels.columns import MappingError
from duban_intake.channels.dialect import ENDED, Dialect
from duban_intake.channels.items import ItemMapping, Note, Parsed, ReportItem
from duban_intake.channels.kinds import KINDS, spoken
from duban_intake.domain import Ending, Receipt, digest, own_problem, submitted
from duban_intake.gateway.metrics import received
from duban_intake.gateway.request import Handed
from duban_intake.gateway.responses import REPORTS_PATH, Accepted, BadItem, HandedIn, Noted
from duban_intake.source_journal import SourceJournal
from duban_intake.sources import signatures
from duban_intake.sources.registry import SourceRegistry, off, permit_report
from duban_intake.vault.answers import reached
from duban_intake.vault.contact import Bound
from duban_intake.vault.desk import NO_KEY, Vault, VaultRefused
from duban_intake.vault.seal import Keyring

_WORST_KEY: Final = "the header says neither `Bearer KEY` nor `Basic` with the key as the password"


_ORIGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

#: So many reports of one request are with the broker at a time.
_AT_ONCE: Final = 500


class Asked(Protocol):
    """What the gateway needs of the receipts."""

    async def receipt(self, key: UUID) -> Receipt | None: ...
    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]: ...
    async def ask_erasure(self, receipt: Receipt, at: datetime) -> datetime: ...
    async def endings(self, source: str, ids: Collection[str]) -> dict[str, Ending]: ...
    async def end(self, source: str, ids: Collection[str], at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class ReportDoor:
    """What every route needs. ``put`` returns when the broker has a record, ``check`` raises RecordTooLarge.

    ``seconds``: any clock that never goes back, by which the pace is kept.
    """

    put: Callable[[Record], Awaitable[None]]
    check: Callable[[Record], None]
    clock: Clock
    vault: Vault
    registry: SourceRegistry
    seconds: Callable[[], float]
    receipts: Asked
    secrets: SecretsFile
    journal: SourceJournal
    reception: Reception | None = None
    pace: Pace = field(default_factory=Pace)
    _dialects: dict[str, tuple[RegisteredSource, Dialect, ItemMapping]] = field(default_factory=dict)

    def speaker(self, request: Request, key: str | None = None) -> RegisteredSource:
        """Who speaks: by ``key``, where the protocol has a place of its own for it, else by the header.

        Raises:
            Fault: 401 or 403.
        """
        key = key or key_in(request.headers.get("authorization"))
        if key is None:
            refuse_other_pages(request)
        return self.registry.speaker(key, is_near=_is_near(request))

    def consent(self, request: Request, name: str | None = None) -> dict[str, str]:
        """The headers by which a sender of CloudEvents sees that it may send here; none where it does not ask.

        Who signs has no key to show: for a source that does, its ``name`` is enough, which consents to no more than
        that its requests are looked at.

        Raises:
            Fault: 400, 401 or 403.
        """
        origin = request.headers.get("webhook-request-origin")
        if origin is None:
            return {"Allow": "POST"}
        if _ORIGIN.fullmatch(origin) is None:
            raise Fault(400, "invalid", "should be the domain name of who sends", "webhook-request-origin")
        named = self.registry.named(name) if name is not None else None
        source = named if named is not None and named.signature is not None else self.speaker(request)
        if source.is_off:
            raise off(source)
        rate = "*" if source.rate is None else str(source.rate)
        return {"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate}

    async def signed(self, request: Request, name: str) -> tuple[RegisteredSource, bytes]:
        """Who speaks as the source ``name``, by the signature where it signs, else by the key; and the body.

        Raises:
            Fault: 401, 403, or as with :meth:`body`.
        """
        named = self.registry.named(name)
        if named is None or named.signature is None:
            source = self.speaker(request)
            if source.name != name:
                raise Fault(403, "other_source", f"the key is that of {source.name}, and not of {name}", "name")
            with self.journal.watching(source):
                return source, await self.body(request, source)
        with self.journal.watching(named):
            body = await self.body(request, named)
            secrets = self.secrets.of(name)
            called = str((named.mapping or {}).get("url") or request.url)
            signatures.check(named.signature, secrets, request.headers, body, self.clock.now(), called)
            if named.is_off:
                raise off(named)
        return named, body

    async def body(self, request: Request, source: RegisteredSource) -> bytes:
        """The body of a request of ``source``, if it may send one now.

        Raises:
            Fault: 413, it is larger than is agreed; 429, it sends too fast, or 503 where its like never sends again.
        """
        self.hold_back(source)
        body = await request.body()
        self.heard(source, body)
        return body

    def hold_back(self, source: RegisteredSource) -> None:
        """Take nothing of ``source`` while it is too fast.

        Raises:
            Fault: 429, or 503 where its like never sends again.
        """
        wait = self.pace.wait(source.name, source.rate, self.seconds())
        if wait > 0:
            say = f"{source.name} hands in more than its {source.rate} reports a minute; go on in {ceil(wait)} s"
            drops = (channel := KINDS.get(source.kind)) is not None and channel.drops
            raise Fault(503 if drops else 429, "too_fast", say, retry=ceil(wait))

    def heard(self, source: RegisteredSource, body: bytes) -> None:
        """Note what ``source`` sends.

        Raises:
            Fault: 413, it is larger than is agreed.
        """
        if source.max_body is not None and len(body) > source.max_body:
            say = f"the body has {len(body)} bytes, and {source.name} may send {source.max_body}; send less at a time"
            raise Fault(413, "too_large", say)
        self.journal.page(source).hear(body)

    def uploads(self, request: Request, begins: bool) -> str:
        """The name of whoever uploads a file by ``request``; a file that ``begins`` counts as a report does.

        Raises:
            Fault: as with :meth:`speaker` and :meth:`hold_back`.
        """
        source = self.speaker(request)
        if begins:
            self.hold_back(source)
            self.pace.count(source.name, source.rate, self.seconds(), 1)
        return source.name

    async def hear(self, source: RegisteredSource, body: bytes, url: str) -> HandedIn:
        """Hand in what ``body`` says in the language of ``source``: the good items, whatever is wrong with others.

        Raises:
            Fault: nothing of it can be taken.
            Unavailable: as with :meth:`hand_in`.
        """
        channel, mapping = self.dialect(source)
        at = self.clock.now()
        parsed = (
            await asyncio.to_thread(channel.parse, body, mapping, at)
            if channel.is_long
            else channel.parse(body, mapping, at)
        )
        entries, notes = await self._fresh(parsed, channel) if channel.repeats else (parsed.entries, parsed.notes)
        if channel.hides:
            entries = [_hidden(entry, self.vault.keyring) for entry in entries]
        items = [(entry.item, Handed(entry.message, entry.contact, None)) for entry in entries]
        bad = [BadItem(item=row.line, field=row.field, message=row.reason) for row in parsed.bad]
        answer = await self.hand_in_all(source, items, bad, url, notes)
        if over := [note.id for note in parsed.notes if note.what == ENDED]:
            noted = self.receipts.end(mapping.source, over, self.clock.now())
            await reached(noted, "what ended cannot be noted now; send the same again")
        return answer

    async def hand_in_all(
        self,
        source: RegisteredSource,
        items: Sequence[tuple[int, Handed]],
        bad: Sequence[BadItem],
        url: str,
        notes: Sequence[Note] = (),
    ) -> HandedIn:
        """Hand in ``items``, each with its number, beside those that are ``bad`` already; the good ones are taken.

        Raises:
            Fault: none of it is good.
            Unavailable: as with :meth:`hand_in`.
        """
        answers: list[Accepted | BaseException] = []
        for place in range(0, len(items), _AT_ONCE):
            calls = (self.hand_in(source, handed, url) for _, handed in items[place : place + _AT_ONCE])
            answers += await asyncio.gather(*calls, return_exceptions=True)
        refused = list(bad)
        for (item, _), answer in zip(items, answers, strict=True):
            if isinstance(answer, Fault | RecordTooLarge | VaultRefused):
                field = answer.field if isinstance(answer, Fault) else None
                refused.append(BadItem(item=item, field=field or "(item)", message=str(answer)))
            elif isinstance(answer, BaseException):
                raise answer
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        refused.sort(key=lambda item: item.item)
        if refused and not accepted and not notes:
            raise _worst(refused, answers)
        for flawed in refused:
            where = f"{flawed.item}.{flawed.field}"
            self.journal.page(source).refuse(self.clock.now(), "invalid", where, flawed.message)
        noted = [Noted(id=note.id, what=note.what) for note in notes]
        return HandedIn(accepted=accepted, refused=refused, noted=noted)

    async def _fresh(self, parsed: Parsed, dialect: Dialect) -> tuple[Sequence[ReportItem], Sequence[Note]]:
        """What is new among what is told again and again, and what is noted: what goes on among it."""
        items = parsed.entries
        if dialect.recurs and items:
            endings = self.receipts.endings(items[0].message.source, [item.message.id for item in items])
            ended = await reached(endings, "the receipts cannot be read now; nothing was taken")
            items = tuple(_once_more(item, ended.get(item.message.id)) for item in items)
        keys = {own_problem(item.message.source, item.message.id): item for item in items}
        receipts = await reached(self.receipts.receipts(keys), "the receipts cannot be read now; nothing was taken")
        # What the policy refused is decided anew: a pack may take it by now.
        known = [key for key, receipt in receipts.items() if receipt.final]
        fresh = [item for key, item in keys.items() if key not in known]
        return fresh, [*parsed.notes, *(Note(keys[key].message.id, "goes on") for key in known)]

    def dialect(self, source: RegisteredSource) -> tuple[Dialect, ItemMapping]:
        """How ``source`` speaks, worked out once.

        Raises:
            Fault: 422, it speaks our own language, or none.
        """
        held = self._dialects.get(source.name)
        if held is None or held[0] is not source:
            try:
                dialect = spoken(source)
            except MappingError as error:
                raise Fault(422, "unusable_source", f"{error}; register it anew") from None
            if dialect is None:
                say = f"{source.name} sends reports as they are: send them to {REPORTS_PATH}"
                raise Fault(422, "unusable_source", say)
            held = self._dialects[source.name] = (source, *dialect)
        return held[1:]

    async def hand_in(self, source: RegisteredSource, handed: Handed, url: str) -> Accepted:
        """Have what ``source`` handed in with the broker, the contact sealed before; ``url``: of this server.

        Raises:
            Fault: 403, it is none of its reports; 409, its evidence is not there; or the vault takes not the contact.
            RecordTooLarge: no topic would take it.
            Unavailable: the broker or the database is away; nothing is lost if the same is sent again.
        """
        with received(self.seconds, own_problem(handed.message.source, handed.message.id)):
            return await self._hand_in(source, handed, url)

    async def _hand_in(self, source: RegisteredSource, handed: Handed, url: str) -> Accepted:
        message, code = claimed(handed, self.vault.keyring)
        self.registry.permit(source, message.source)
        permit_report(source, message.data)
        await checked(self.reception.desk if self.reception else None, message.data.evidence)
        record = called_by(encode(message), handed.caller)
        self.check(record)
        if handed.contact is not None:
            # Sealed before the report goes out: a report that is known to have a contact has it.
            bound = Bound(message.source, message.id, message.jurisdiction, digest(message.data))
            await reached(self.vault.keep(bound, handed.contact), "the contact cannot be sealed now; nothing was taken")
        self.pace.count(source.name, source.rate, self.seconds(), 1)
        await self.put(record)
        self.journal.page(source).accept(message)
        return Accepted(
            source=message.source,
            id=message.id,
            problem_id=own_problem(message.source, message.id),
            status_url=f"{url.rstrip('/')}{REPORTS_PATH}/{quote(message.source, safe='')}/{quote(message.id, safe='')}",
            code=code,
        )


def _hidden(entry: ReportItem, keyring: Keyring | None) -> ReportItem:
    """``entry`` under an id that tells nobody what it was known by.

    Raises:
        VaultRefused: there is no key to make it with.
    """
    if keyring is None:
        raise VaultRefused(NO_KEY)
    message = entry.message
    again = submitted(message.source, keyring.alias(message.source, message.id), message.data, message.time)
    return replace(entry, message=again)


def _once_more(item: ReportItem, ending: Ending | None) -> ReportItem:
    """``item`` under an id of its own, where what bore its id before has ended."""
    if ending is None:
        return item
    message = item.message
    again = submitted(message.source, f"{message.id}/{ending.times + 1}", message.data, message.time)
    return replace(item, message=again)


def _worst(bad: Sequence[BadItem], answers: Sequence[object]) -> Exception:
    """The fault of a request of which nothing could be taken: the first."""
    for answer in answers:
        if isinstance(answer, Fault | VaultRefused):
            return answer
    place = f"{bad[0].item}.{bad[0].field}" if len(bad) > 1 else bad[0].field
    others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return Fault(400, "invalid", f"{bad[0].message}{others}", place)


def claimed(handed: Handed, keyring: Keyring | None) -> tuple[Message[Report], str | None]:
    """The report under the handle of a claim code, and the code; as it is without secret or key, or with a handle."""
    message = handed.message
    if keyring is None or handed.told is None or message.data.reporter.handle is not None:
        return message, None
    code = keyring.code(message.source, message.id, handed.told)
    reporter = struct.replace(message.data.reporter, handle=handle_of(code))
    return struct.replace(message, data=struct.replace(message.data, reporter=reporter)), code


def key_in(header: str | None) -> str | None:
    """The key in an ``Authorization`` header: that of ``Bearer``, or the password of ``Basic``, whatever the user.

    Raises:
        Fault: 401, the header is there and says none.
    """
    if header is None:
        return None
    scheme, _, rest = header.partition(" ")
    key = rest.strip()
    if scheme.lower() == "basic":
        try:
            key = b64decode(key, validate=True).decode().partition(":")[2]
        except ValueError:
            key = ""
    elif scheme.lower() != "bearer":
        key = ""
    if not key:
        raise Fault(401, "no_key", f"{_WORST_KEY}; correct it", "authorization")
    return key


def refuse_other_pages(request: Request) -> None:
    """Refuse what a page of somewhere else has a browser send here without a key: it may, without asking first.

    Raises:
        Fault: 403.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Fault(403, "of_a_page", "what a page in a browser sends goes with the key of a source", "origin")


def _is_near(request: Request) -> bool:
    """Whether ``request`` comes from this machine, and not by a proxy on it for somebody else."""
    if is_forwarded(request.headers):
        return False
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
