"""The door that every report comes in by: who speaks, how much of it is taken, and what goes to the broker."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import ceil
from typing import Final
from urllib.parse import quote

from fastapi import Request

from duban.clock import Clock
from duban.errors import Fault
from duban.messages import struct
from duban.messages.envelope import Message, Record, encode
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban_intake.domain import digest, own_problem
from duban_intake.gateway.request import Handed
from duban_intake.gateway.responses import REPORTS_PATH, Accepted
from duban_intake.sources.pace import Pace
from duban_intake.sources.registry import Registry, permit_report
from duban_intake.vault.answers import reached
from duban_intake.vault.contact import Bound
from duban_intake.vault.desk import Vault
from duban_intake.vault.seal import Keyring

_WORST_KEY: Final = "the header says neither `Bearer KEY` nor `Basic` with the key as the password"


@dataclass(frozen=True, slots=True)
class Door:
    """What every route needs. ``put`` returns when the broker has a record, ``check`` raises RecordTooLarge.

    ``seconds``: any clock that never goes back, by which the pace is kept.
    """

    put: Callable[[Record], Awaitable[None]]
    check: Callable[[Record], None]
    clock: Clock
    vault: Vault
    registry: Registry
    seconds: Callable[[], float]
    pace: Pace = field(default_factory=Pace)

    def speaker(self, request: Request, key: str | None = None) -> RegisteredSource:
        """Who speaks: by ``key``, where the protocol has a place of its own for it, else by the header.

        Raises:
            Fault: 401 or 403.
        """
        return self.registry.speaker(key or key_in(request.headers.get("authorization")), is_near=_is_near(request))

    async def body(self, request: Request, source: RegisteredSource) -> bytes:
        """The body of a request of ``source``, if it may send one now.

        Raises:
            Fault: 413, it is larger than is agreed; 429, it sends too fast.
        """
        wait = self.pace.wait(source.name, source.rate, self.seconds())
        if wait > 0:
            say = f"{source.name} hands in more than its {source.rate} reports a minute; go on in {ceil(wait)} s"
            raise Fault(429, "too_fast", say, retry=ceil(wait))
        body = await request.body()
        if source.max_body is not None and len(body) > source.max_body:
            say = f"the body has {len(body)} bytes, and {source.name} may send {source.max_body}; send less at a time"
            raise Fault(413, "too_large", say)
        return body

    async def hand_in(self, source: RegisteredSource, handed: Handed, url: str) -> Accepted:
        """Have what ``source`` handed in with the broker, the contact sealed before; ``url``: of this server.

        Raises:
            Fault: 403, it is none of its reports; or the vault does not take the contact.
            RecordTooLarge: no topic would take it.
            Unavailable: the broker or the database is away; nothing is lost if the same is sent again.
        """
        message, code = claimed(handed, self.vault.keyring)
        self.registry.permit(source, message.source)
        permit_report(source, message.data)
        record = encode(message)
        self.check(record)
        if handed.contact is not None:
            # Sealed before the report goes out: a report that is known to have a contact has it.
            bound = Bound(message.source, message.id, message.jurisdiction, digest(message.data))
            await reached(self.vault.keep(bound, handed.contact), "the contact cannot be sealed now; nothing was taken")
        self.pace.count(source.name, source.rate, self.seconds(), 1)
        await self.put(record)
        return Accepted(
            source=message.source,
            id=message.id,
            problem_id=own_problem(message.source, message.id),
            status_url=f"{url.rstrip('/')}{REPORTS_PATH}/{quote(message.source, safe='')}/{quote(message.id, safe='')}",
            code=code,
        )


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


def _is_near(request: Request) -> bool:
    """Whether ``request`` comes from this machine."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
