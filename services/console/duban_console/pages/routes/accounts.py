"""Accounts, for whoever keeps them: who may sign in, as what, by which sessions and keys, and the log of all that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.messages.struct import Unfit
from duban_console.accounts.access import may
from duban_console.accounts.account import Account, folded_name, listed
from duban_console.accounts.desk import Given
from duban_console.accounts.labels import ACCOUNT_REFUSALS, ACT_LABELS, REFUSED_NAMES
from duban_console.accounts.rows import AccountRefused, NotThere
from duban_console.accounts.session import AccountKey, Scope
from duban_console.api.asker import Asker
from duban_console.pages.account_view import appointment_of, appointment_views, place_groups
from duban_console.pages.labels import ROLES
from duban_console.pages.parts import PageParts
from duban_console.pages.record_words import RecordWords
from duban_console.pages.visitor import Visits

#: So many lines of the log are shown; all of them by `duban account audit`.
MOST_LINES: Final = 300
_MOST_DAYS: Final = 730
#: A form for an account that nobody has filled in.
_BLANK: Final = dict.fromkeys(("name", "full_name", "kind", "role", "place"), "")

_Word = Annotated[str, Form(max_length=200)]
_Name = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown this once: a password that was made, or the token of a key."""

    password: str = ""
    token: str = ""


def serve_accounts(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""
    _serve_all(app, parts)
    _serve_one(app, parts)
    _serve_sessions_and_keys(app, parts)
    _serve_log(app, parts)


def _serve_all(app: FastAPI, parts: PageParts) -> None:
    @app.get("/accounts")
    async def accounts(request: Request, asks: Visits, text: Annotated[str, Query(max_length=100)] = "") -> Response:
        """Every account, or those with a text in their names, and a form for a new one."""
        return await _list_page(request, asks, parts, text=text)

    @app.post("/accounts")
    async def add(
        request: Request,
        asks: Visits,
        name: _Word = "",
        full_name: _Word = "",
        kind: Annotated[str, Form(pattern="^(person|system)$")] = "person",
        role: _Word = "",
        place: _Word = "",
    ) -> Response:
        """A new account; the password that is made is shown this once."""
        sent = {"name": name, "full_name": full_name, "kind": kind, "role": role, "place": place}
        try:
            chosen = [appointment_of(role, place, _groups(request, parts))] if role else []
            given = await parts.account_desks.accounts.add(
                name, full_name.strip() or name, chosen, by=asks.known.account.name, is_system=kind == "system"
            )
        except Unfit as unfit:
            return await _list_page(request, asks, parts, sent=sent, code=unfit.field, status=400)
        except AccountRefused as refused:
            return await _list_page(request, asks, parts, sent=sent, code=refused.code, status=409)
        return await _one_page(request, asks, parts, given.account.name, shown=_Shown(given.password or ""))


def _serve_one(app: FastAPI, parts: PageParts) -> None:
    @app.get("/accounts/{name}")
    async def one(request: Request, asks: Visits, name: _Name) -> Response:
        """One account."""
        return await _one_page(request, asks, parts, name)

    @app.post("/accounts/{name}/appointments")
    async def appoint(
        request: Request,
        asks: Visits,
        name: _Name,
        role: _Word = "",
        place: _Word = "",
        loss: _Word = "",
        stood: Annotated[str, Form(max_length=20_000)] = "",
    ) -> Response:
        """Give an appointment, or take the one that is named; not where others changed them meanwhile."""
        account = await _account(parts, name)
        if stood != listed(account.appointments):
            return await _one_page(request, asks, parts, name, code="moved_on", status=409)
        try:
            after = [each for each in account.appointments if str(each) != loss]
            if not loss:
                after.append(appointment_of(role, place, _groups(request, parts)))
            await parts.account_desks.accounts.appoint(name, after, by=asks.known.account.name)
        except Unfit as unfit:
            return await _one_page(request, asks, parts, name, code=unfit.field, status=400)
        except AccountRefused as refused:
            return await _one_page(request, asks, parts, name, code=refused.code, status=409)
        return _back(name)

    @app.post("/accounts/{name}/steps/{step}")
    async def step(request: Request, asks: Visits, name: _Name, step: str) -> Response:
        """Turn it off or on, give a new password, which is shown this once, or take the second factor that was lost."""
        steps: dict[str, Callable[..., Awaitable[Account | Given]]] = {
            "off": parts.account_desks.accounts.turn_off, "on": parts.account_desks.accounts.turn_on,
            "password": parts.account_desks.accounts.reset_password, "factor": parts.account_desks.accounts.take_factor,
        }  # fmt: skip
        if step not in steps:
            raise Fault(404, "unknown_path", "an account is turned off or on, or given a new password", "step")
        try:
            done = await steps[step](name, by=asks.known.account.name)
        except AccountRefused as refused:
            return await _one_page(request, asks, parts, name, code=refused.code, status=409)
        if isinstance(done, Given):
            return await _one_page(request, asks, parts, name, shown=_Shown(done.password or ""))
        return _back(name)


def _serve_sessions_and_keys(app: FastAPI, parts: PageParts) -> None:
    @app.post("/accounts/{name}/sessions/{id}")
    async def end_session(request: Request, asks: Visits, name: _Name) -> Response:
        """End one of its sessions."""
        try:
            await parts.admission.end_session(name, UUID(request.path_params["id"]), asks.known.account.name)
        except (AccountRefused, ValueError):
            return await _one_page(request, asks, parts, name, code="unknown_session", status=404)
        return _back(name)

    @app.post("/accounts/{name}/keys")
    async def make_key(
        request: Request,
        asks: Visits,
        name: _Name,
        scope: Scope = Form(),
        days: int = Form(ge=1, le=_MOST_DAYS),
    ) -> Response:
        """A key of a system, which is shown this once."""
        try:
            token, _ = await parts.account_desks.keys.add(name, scope, timedelta(days=days), by=asks.known.account.name)
        except AccountRefused as refused:
            return await _one_page(request, asks, parts, name, code=refused.code, status=409)
        return await _one_page(request, asks, parts, name, shown=_Shown(token=token))

    @app.post("/accounts/{name}/keys/{id}")
    async def revoke(request: Request, asks: Visits, name: _Name) -> Response:
        """Have a key no more."""
        id_ = request.path_params["id"]
        try:
            if id_ not in {key.id for key in await _keys(parts, folded_name(name))}:
                raise Fault(404, "unknown_key", f"{name} has no such key", "id")
            await parts.account_desks.keys.revoke(id_, by=asks.known.account.name)
        except AccountRefused as refused:
            return await _one_page(request, asks, parts, name, code=refused.code, status=409)
        return _back(name)


def _serve_log(app: FastAPI, parts: PageParts) -> None:
    @app.get("/account-log")
    async def log(request: Request, asks: Visits, of: Annotated[str, Query(max_length=100)] = "") -> Response:
        """The latest lines of the log, or those of them that are about an account or by it."""
        lines = [(line, line.act) for line in reversed(await parts.account_desks.accounts.log(MOST_LINES))]
        shown = [each for each in lines if not of or folded_name(of) in (each[1].account, each[1].by)]
        acts = {kind: parts.look.say(request, label) for kind, label in ACT_LABELS.items()}
        keeps = may(asks.known, "keep_accounts") is None
        return parts.page(
            request, asks, "account_log.html", lines=shown, acts=acts, of=of, most=MOST_LINES, keeps=keeps
        )


async def _account(parts: PageParts, name: str) -> Account:
    try:
        return await parts.account_desks.accounts.account(name)
    except NotThere:
        raise Fault(404, "unknown_account", f"there is no account {name}", "name") from None


async def _keys(parts: PageParts, name: str) -> list[AccountKey]:
    """The keys of the account, the oldest first."""
    return [key for key in await parts.account_desks.keys.keys() if key.account == name]


def _back(name: str) -> Response:
    return RedirectResponse(f"/accounts/{folded_name(name)}", 303)


def _words(request: Request, parts: PageParts) -> Callable[[str], RecordWords]:
    return cache(partial(parts.city_words, request))


def _groups(request: Request, parts: PageParts) -> Any:
    return place_groups(parts.library.jurisdictions, _words(request, parts))


def _flaw(request: Request, parts: PageParts, code: str) -> str:
    return parts.look.say(request, ACCOUNT_REFUSALS.get(code, ACCOUNT_REFUSALS["moved_on"])) if code else ""


def _choices(request: Request, parts: PageParts) -> dict[str, Any]:
    roles = {role: parts.look.say(request, label) for role, label in ROLES.items()}
    return {"roles": roles, "groups": _groups(request, parts)}


async def _list_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    *,
    text: str = "",
    sent: dict[str, str] | None = None,
    code: str = "",
    status: int = 200,
) -> Response:
    words, say = _words(request, parts), partial(parts.look.say, request)
    folded = folded_name(text)
    every = await parts.account_desks.accounts.accounts()
    every = [each for each in every if folded in each.name or folded in each.full_name.casefold()]
    rows = [(each, appointment_views(each, words, say)) for each in every]
    return parts.page(
        request, asks, "accounts.html", status, rows=rows, text=text, sent=sent or _BLANK,
        flaw=_flaw(request, parts, code), flawed="name" if code in REFUSED_NAMES else "place",
        **_choices(request, parts),
    )  # fmt: skip


async def _one_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    name: str,
    *,
    shown: _Shown = _Shown(),
    code: str = "",
    status: int = 200,
) -> Response:
    words, say = _words(request, parts), partial(parts.look.say, request)
    account = await _account(parts, name)
    keys = await _keys(parts, account.name)
    return parts.page(
        request, asks, "account_kept.html", status, kept=account, shown=shown, keys=keys,
        stood=listed(account.appointments), appointments=appointment_views(account, words, say),
        flaw=_flaw(request, parts, code),
        sessions=await parts.admission.sessions(account.name), is_oneself=account.name == asks.known.account.name,
        most_days=_MOST_DAYS, sent=_BLANK, **_choices(request, parts),
    )  # fmt: skip
