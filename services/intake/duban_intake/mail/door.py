"""What becomes of a mail: a report, or a dead letter that only the key of the vault opens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog
from prometheus_client import Counter

from duban.errors import DubanError, Fault, RecordTooLarge
from duban.io.aside import lay_aside
from duban.io.availability import is_unavailable
from duban.io.dead_letters import DeadLetter, dead_letter, tell
from duban.io.evidence.desk import title_of
from duban.messages import struct
from duban.messages.report import Evidence
from duban.messages.sources import RegisteredSource
from duban_intake.channels.columns import MappingError
from duban_intake.channels.items import read_items
from duban_intake.channels.kinds import spoken
from duban_intake.channels.mail import Mail, MailMapping, MailSort, read_mail
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.request import Handed
from duban_intake.vault.desk import VaultRefused
from duban_intake.vault.seal import Keyring

#: Where mails come from, as the name of their dead letters has it; there is no topic of that name.
ORIGIN: Final = "duban.mail.v1"
GROUP: Final = "duban-mail"
#: For the reasons of a dead letter, and what sealing adds.
_MARGIN: Final = 16_384
_log = structlog.get_logger(__name__)

MAILS: Final = Counter("duban_mail_total", "Mails by what became of them", ["outcome"])


@dataclass(frozen=True, slots=True)
class SealedMail:
    """A mail as its dead letter knows it: sealed, with its size and its hash beside it."""

    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    key: bytes | None = None
    topic: str = ORIGIN
    partition: int = 0
    offset: int = 0


class MailDoor:
    """Takes mails. ``publish`` returns when the broker has those dead letters, which ``keyring`` seals."""

    def __init__(
        self,
        reports: ReportDoor,
        publish: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        keyring: Keyring,
        most_bytes: int,
    ) -> None:
        self._reports = reports
        self._publish = publish
        self._keyring = keyring
        self._most_bytes = most_bytes

    def source(self, address: str) -> RegisteredSource | None:
        """Whose mails come to ``address``, on or off; None where no source names it."""
        for source in self._reports.registry.sources:
            mapping = _mapping(source) if source.kind == "mail" else None
            if mapping is not None and address.lower() in mapping.addresses:
                return source
        return None

    def wait(self, source: RegisteredSource) -> float:
        """Seconds until ``source`` may hand in something."""
        return self._reports.pace.wait(source.name, source.rate, self._reports.seconds())

    async def take(self, source: RegisteredSource, raw: bytes, return_path: str | None = None) -> str:
        """Return when our broker has what ``raw`` says to ``source``, or its dead letter: what became of it.

        Raises:
            Unavailable: a dependency is away; taking the same again is right. So does whatever is_unavailable knows.
        """
        try:
            mail = await asyncio.to_thread(read_mail, raw, return_path)
            if mail.sort is not MailSort.LETTER:
                say = f"{source.name}: was written by a program, not by a person"
                return await self.lay_aside(raw, mail.sort.value, say)
            await self._report(source, mail, raw)
        except (Fault, VaultRefused) as error:
            code, reason = error.code, str(error)
            if isinstance(error, Fault) and error.field:
                reason = f"{error.field}: {reason}"
        except RecordTooLarge as error:
            code, reason = "too_large", str(error)
        except Exception as error:
            if is_unavailable(error):
                raise
            _log.error("mail breaks the code", source=source.name, exc_info=True)
            code, reason = "fault", f"{type(error).__name__}: {error}"
        else:
            MAILS.labels("report").inc()
            return "report"
        self._reports.journal.page(source).refuse(self._reports.clock.now(), code, None, reason)
        return await self.lay_aside(raw, code, f"{source.name}: {reason}")

    async def lay_aside(self, raw: bytes, code: str, reason: str, size: int | None = None) -> str:
        """Return when the broker has the dead letter of ``raw``, of which it holds what one may; ``code``.

        ``size``: of the whole, where ``raw`` is its beginning.
        """
        held = raw[: max(0, self._most_bytes - _MARGIN)]
        headers = [("duban.mail.bytes", str(size or len(raw)).encode())]
        if size is None:
            headers.append(("duban.mail.sha256", sha256(raw).hexdigest().encode()))
        letter = SealedMail(self._keyring.seal_letter(held), tuple(headers))
        error = DubanError(reason)
        dead = dead_letter(letter, GROUP, error, code=code, attempts=1, retryable=False, most_bytes=self._most_bytes)
        await lay_aside([dead], self._publish)
        tell(letter, GROUP, error, code)
        MAILS.labels(code).inc()
        return code

    async def _report(self, source: RegisteredSource, mail: Mail, raw: bytes) -> None:
        """Have the report in ``mail`` with the broker, and who wrote it in the vault.

        Raises:
            Fault: it cannot be taken.
            Unavailable: a dependency is away.
        """
        mapping = _mapping(source)
        if mapping is None:
            raise Fault(422, "unusable_source", f"{source.name} has no mapping that can be used; register it anew")
        if source.max_body is not None and len(raw) > source.max_body:
            raise Fault(413, "too_large", f"has {len(raw)} bytes, and {source.name} may send {source.max_body}")
        evidence, left_out = await asyncio.to_thread(self._kept, mail)
        parsed = read_items([mail.fields], mapping, self._reports.clock.now())
        if parsed.bad:
            raise Fault(400, "invalid", parsed.bad[0].reason, parsed.bad[0].field)
        [entry] = parsed.entries
        data = struct.replace(entry.message.data, evidence=evidence)
        handed = Handed(struct.replace(entry.message, data=data), entry.contact, None)
        await self._reports.hand_in(source, handed, "")
        if left_out:
            say = f"{source.name}: is a report without its files, which lie here alone: {'; '.join(left_out)}"
            await self.lay_aside(raw, "files_left_out", say)

    def _kept(self, mail: Mail) -> tuple[tuple[Evidence, ...], list[str]]:
        """The files of ``mail`` as evidence, and why some are not in the store: those are known by their hashes alone.

        Raises:
            Unavailable: the store is away.
        """
        reception = self._reports.reception
        evidence, left_out = [], []
        with TemporaryDirectory(prefix="duban-mail-") as folder:
            for number, file in enumerate(mail.files, 1):
                piece = Evidence(uri=f"mail:{mail.id}/{number}", sha256=file.sha256, title=title_of(file.name))
                try:
                    if reception is None:
                        raise Fault(501, "no_evidence_store", "DUBAN_EVIDENCE names no store")
                    path = Path(folder, str(number))
                    path.write_bytes(file.data)
                    piece = reception.desk.take(path, title_of(file.name)).evidence
                except Fault as fault:
                    left_out.append(f"file {number}: {fault}")
                evidence.append(piece)
        return tuple(evidence), left_out


def _mapping(source: RegisteredSource) -> MailMapping | None:
    """How mails of ``source`` are read; None where its mapping cannot be used, or it reads none."""
    try:
        spoken_by = spoken(source)
    except MappingError:
        return None
    return spoken_by[1] if spoken_by is not None and isinstance(spoken_by[1], MailMapping) else None
