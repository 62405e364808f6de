"""The vault as pages ask it: over its own door, by the token of who is signed in, as ``duban vault`` does.

Nothing of the vault lies here, neither its key nor what it opens: a contact passes through to the one who may see it,
and is kept and logged nowhere. Who comes, the vault asks the API itself, for each request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx2
import msgspec

from duban.errors import Fault, Unavailable

T = TypeVar("T")
_PATH: Final = "v1/vault"


class VaultLine(msgspec.Struct, frozen=True):
    """One line of the vault's log: what ``by`` did about a report, under which ask, and why."""

    number: int
    kind: str
    at: datetime
    by: str
    source: str
    id: str
    ask: UUID | None = None
    reason: str = ""


class ErasureWish(msgspec.Struct, frozen=True):
    """A report that its reporter asks to have erased."""

    source: str
    id: str
    asked_at: datetime


class AskState(StrEnum):
    """How far an ask has come."""

    ASKED = "asked"  #: another custodian has to agree
    APPROVED = "approved"  #: who asked may open it, once
    REFUSED = "refused"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class VaultAsk:
    """An ask to open the contact of a report: the line that began it, and the last one under it."""

    first: VaultLine
    last: VaultLine

    @property
    def state(self) -> AskState:
        """How far it has come."""
        return AskState(self.last.kind)

    @property
    def is_open(self) -> bool:
        """Whether anything more may come of it."""
        return self.state in (AskState.ASKED, AskState.APPROVED)


def asks_in(lines: Sequence[VaultLine]) -> list[VaultAsk]:
    """Every ask in the log, the latest first."""
    asks: dict[UUID, VaultAsk] = {}
    for line in lines:
        if line.ask is not None:
            first = asks[line.ask].first if line.ask in asks else line
            asks[line.ask] = VaultAsk(first, line)
    return sorted(asks.values(), key=lambda ask: ask.first.number, reverse=True)


class Custody:
    """The vault at the other end of ``client``, which follows no redirection: it carries people's tokens."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def log(self, token: str) -> list[VaultLine]:
        """Who asked, approved, refused, opened and forgot what, in order."""
        return _read(await self._asked("GET", "log", token), "lines", list[VaultLine])

    async def wishes(self, token: str) -> list[ErasureWish]:
        """What reporters ask to have erased, the oldest first."""
        return _read(await self._asked("GET", "requests", token), "requests", list[ErasureWish])

    async def ask(self, token: str, source: str, report: str, reason: str) -> None:
        """Ask to open the contact of a report."""
        await self._asked("POST", "asks", token, {"source": source, "id": report, "reason": reason})

    async def approve(self, token: str, ask: UUID) -> None:
        """Agree to an ask of another custodian."""
        await self._asked("POST", f"asks/{ask}/approval", token, {})

    async def refuse(self, token: str, ask: UUID, reason: str) -> None:
        """End an ask before it is opened."""
        await self._asked("POST", f"asks/{ask}/refusal", token, {"reason": reason})

    async def open(self, token: str, ask: UUID) -> dict[str, str]:
        """The contact, once, to who asked."""
        return _read(await self._asked("POST", f"asks/{ask}/opening", token, {}), "contact", dict[str, str])

    async def _asked(self, method: str, path: str, token: str, body: Mapping[str, str] | None = None) -> Any:
        """The document that the vault answers.

        Raises:
            Fault: in the vault's own words, it does not do it.
            Unavailable: it does not answer, or something else does.
        """
        try:
            answer = await self._client.request(
                method, f"{_PATH}/{path}", headers={"authorization": f"Bearer {token}"}, json=body
            )
            document: Any = msgspec.json.decode(answer.content)
        except (httpx2.HTTPError, msgspec.DecodeError) as failure:
            raise Unavailable(f"the vault does not answer ({type(failure).__name__})") from None
        if answer.is_success:
            return document
        error = document.get("error") if isinstance(document, dict) else None
        is_away = answer.status_code >= 500 and answer.status_code != httpx2.codes.NOT_IMPLEMENTED
        if is_away or not isinstance(error, dict):
            raise Unavailable(f"the vault answers {answer.status_code}")
        raise Fault(answer.status_code, str(error.get("code")), str(error.get("message")), error.get("field"))


def _read(document: Any, name: str, kind: type[T]) -> T:
    try:
        return msgspec.convert(document[name], kind)
    except (msgspec.ValidationError, LookupError, TypeError):
        # What was sent stands in no message: it may be a contact.
        raise Unavailable("what the vault answers cannot be read") from None
