"""Who asks the API, and what is theirs: 401 where nobody is known, 403 where they may not, 404 where it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from duban.errors import Fault
from duban.messages.commands import Command
from duban.messages.records import AnyRecord
from duban.messages.struct import replace
from duban.refusal import Refusal
from duban_console.accounts.access import ANYBODY, ROUTES, SIGNED_IN, THE_ACTION, appointments_for, may
from duban_console.accounts.admission import Admission
from duban_console.accounts.facets import FILTERS, unfilterable
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.provider_door import NotLetIn
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Principal
from duban_console.api.browser import Browser
from duban_console.ledger import asking
from duban_console.oidc.sign_on import SignOn, is_foreign

C = TypeVar("C", bound=Command)
R = TypeVar("R", bound=AnyRecord)

#: So much of a path stands in the log.
_LONGEST_PATH: Final = 300
_NO_TOKEN: Final = Refusal(
    "no_token", "nobody is signed in: send the token of a session, or a key, as Authorization: Bearer TOKEN"
)
_BEARER: Final = HTTPBearer(
    auto_error=False, description="The token of a session (POST /v1/sessions), or the key of a system"
)


class Denied(Fault):
    """What is for others: 403, or 404 where the very record is not there for who asks; the log of accounts has it."""

    def __init__(self, status: int, deed: str, why: Refusal, field: str | None = None) -> None:
        super().__init__(status, why.code, why.reason, field)
        self.deed = deed


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks; ``principal`` is None where nobody is asked for, and then nothing is there for them."""

    principal: Principal | None

    @property
    def known(self) -> Principal:
        """Who they are.

        Raises:
            Fault: 401, nobody is known.
        """
        if self.principal is None:
            raise Fault(401, _NO_TOKEN.code, _NO_TOKEN.reason)
        return self.principal

    def sees(self, deed: str, record: AnyRecord) -> bool:
        """Whether ``record`` is there for them."""
        return self.principal is not None and may(self.principal, deed, record) is None

    def seen(self, deed: str, records: Iterable[R]) -> list[R]:
        """Those of ``records`` that are there for them."""
        return [record for record in records if self.sees(deed, record)]

    def must(self, deed: str, *, jurisdiction: str | None = None) -> None:
        """Return if ``deed`` is for them at all, or in ``jurisdiction``.

        Raises:
            Fault: 401, nobody is known; 403, with what is missing.
        """
        if (why := may(self.known, deed, jurisdiction=jurisdiction)) is not None:
            raise Denied(403, deed, why)

    def filters(self, deed: str, jurisdiction: str | None, given: Mapping[str, str | None]) -> None:
        """Return if what ``deed`` shows in ``jurisdiction`` may be chosen for them by those filters that are ``given``.

        Raises:
            Fault: 403, one goes by what they do not see.
        """
        for name in FILTERS.keys() & given.keys():
            if given[name] is not None and (why := unfilterable(self.known, deed, name, jurisdiction)) is not None:
                raise Fault(403, why.code, why.reason, name)

    def acting(self, deed: str, command: C, record: AnyRecord | None = None, jurisdiction: str | None = None) -> C:
        """``command`` as theirs: its unit is one that they act for, its person is who they are.

        ``record`` is one that is there for them.

        Raises:
            Fault: 403, with what is missing.
        """
        self.must(deed, jurisdiction=jurisdiction)
        acting = appointments_for(self.known, deed, record, jurisdiction)
        units = {each.unit for each in acting if each.unit}
        unit, person, account = command.actor.unit, command.actor.person, self.known.account
        if unit not in units and not any(each.everywhere for each in acting):
            say = f"{account.name} does {deed} here for {', '.join(sorted(units))}, not for {unit}"
            raise Denied(403, deed, Refusal("other_unit", say), "actor.unit")
        if (acts_as := account.acts_as(person)) is None:
            say = f"{person} is another than who is signed in, {account.name}; leave it out"
            raise Denied(403, deed, Refusal("other_person", say), "actor.person")
        return replace(command, actor=replace(command.actor, person=acts_as))


class AccessGate:
    """At the door of the API: who comes, and whether what they want is for them at all."""

    def __init__(self, admission: Admission, sign_on: SignOn | None, browser: Browser) -> None:
        self.admission = admission
        self._sign_on = sign_on
        self.browser = browser

    async def asker(self, request: Request, token: str | None) -> Asker:
        """Who asks for the route of ``request``.

        Raises:
            Fault: 401, nobody is known by ``token`` or a cookie; 403, a page of another site has had the browser ask.
        """
        return Asker(None) if deed_of(request) == ANYBODY else await self.known(request, token)

    async def known(self, request: Request, token: str | None = None) -> Asker:
        """Who asks, by ``token`` or by what their browser has kept; raises Fault as :meth:`asker` does."""
        if token is None and (token := self.browser.session.read(request)) is not None:
            self.browser.check(request)
        if token is None:
            raise Fault(401, _NO_TOKEN.code, _NO_TOKEN.reason)
        try:
            principal = await self._principal(token, address_of(request))
        except NotLetIn as refused:
            raise Fault(403, refused.code, str(refused)) from None
        except AccountRefused as refused:
            raise Fault(401, refused.code, str(refused)) from None
        return Asker(principal)

    async def note(self, kind: AccountActKind, asks: Asker, request: Request, subject: str, why: str = "") -> None:
        """Write into the log of accounts what somebody who is known did or was denied, and with which request."""
        what = request.url.path[:_LONGEST_PATH] + why
        await self.admission.journal.note(kind, asks.known.account.name, subject, address_of(request), what)

    async def _principal(self, token: str, address: str) -> Principal:
        if self._sign_on is not None and is_foreign(token):
            return await self._sign_on.principal(token, address)
        async with asking():
            return await self.admission.principal(token, address)


async def asker(
    request: Request, token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
) -> AsyncIterator[Asker]:
    """A dependency: who asks; what they are denied is written down."""
    gate: AccessGate = request.app.state.gate
    deed = deed_of(request)
    asks = await gate.asker(request, None if token is None else token.credentials)
    request.state.asks = asks
    try:
        if deed not in (ANYBODY, THE_ACTION, SIGNED_IN):
            asks.must(deed)
        yield asks
    except Denied as denied:
        await gate.note(AccountActKind.DENIED, asks, request, denied.deed, f", {denied.code}")
        raise


Asks = Annotated[Asker, Depends(asker)]


def deed_of(request: Request) -> str:
    """The deed of the route of ``request``, by the table of access."""
    route: Any = request.scope["route"]
    return ROUTES[request.method, route.path.replace(":path}", "}")]


def address_of(request: Request) -> str:
    """From where somebody asks, as far as this server sees."""
    return request.client.host if request.client else ""


def unknown(kind: str, id_: object, denied: str | None = None) -> Fault:
    """There is no such record; or it is not there for who asks, to whom the deed was ``denied``, in the same words."""
    why = Refusal(f"unknown_{kind}", f"no {kind} {id_} stands in the ledger")
    return Fault(404, why.code, why.reason, "id") if denied is None else Denied(404, denied, why, "id")
