"""``duban login``, ``duban logout``, ``duban whoami``: who the command line is at an API."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from duban_cli.identity import KEY_VARIABLE, Credential, api_address, api_client, client_of, is_here, secret_in
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, shown_at, write_json
from duban_cli.session import SESSIONS, asked_for, begun, end
from duban_cli.sign_in_file import KeptSession, Untrusted, forget, keep, kept

Api = Annotated[str | None, typer.Option(help="The API's URL; else DUBAN_API, else that of the engine that runs here.")]


@command
async def login(
    api: Api = None,
    name: Annotated[str | None, typer.Option(help="The account; else it is asked for.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password in its first line, which nobody else may read.")
    ] = None,
    provider: Annotated[
        bool, typer.Option("--provider", help="By the provider of the city, in a browser on this machine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at an API: from then on, commands act as this account, until the session ends or `duban logout`.

    What is secret is asked for at a terminal without being shown, else read from stdin, a line each, in the order in
    which it is wanted: the password, the code of the second factor, a new password. The session lies in a file of your
    own, one for each API. It ends an hour after the last command, and after twelve in any case.

    Example: duban login --api https://duban.example --name li.na
    """
    url = api_address(api)
    if urlsplit(url).scheme == "http" and not is_here(url):
        err().print(f"[yellow]![/] {escape(url)} is not encrypted: whoever is on the way reads password and token")
    if provider and (name or password_file):
        fail(ExitCode.USAGE, "--provider: it asks for name and password itself; leave --name and --password-file out")
    token, session = await (_by_provider(url) if provider else _by_password(url, name, password_file))
    earlier = _kept(url)
    account, ends_at = session["account"], session["ends_at"]
    keep(KeptSession(url, account, token))
    if earlier is not None:
        await end(url, earlier)
    if as_json:
        write_json({"api": url, "account": account, "ends_at": ends_at})
    else:
        err().print(escape(f"{account} is signed in at {url}, until {shown_at(datetime.fromisoformat(ends_at), None)}"))
    if os.environ.get(KEY_VARIABLE):
        err().print(f"[yellow]![/] {KEY_VARIABLE} is set, and goes before it")


@command
async def logout(api: Api = None, as_json: AsJson = False) -> None:
    """Sign out: the session ends at the API, and its file is gone. The engine that runs here knows this machine anyway.

    Example: duban logout
    """
    url = api_address(api)
    try:
        session = kept(url)
    except Untrusted as error:
        forget(url)
        fail(ExitCode.CONFLICT, f"{error}; the file is gone, and its session ends by itself")
    if session is None:
        fail(ExitCode.NOT_FOUND, f"nobody is signed in at {url}")
    forget(url)
    await end(url, session)
    if as_json:
        write_json({"api": url, "account": session.account})
    else:
        err().print(escape(f"{session.account} is signed out at {url}"))


@command
async def whoami(as_json: AsJson = False) -> None:
    """Who the command line is at the API, with which appointments; --json names what they may do at all, too.

    Example: duban whoami --json
    """
    async with api_client() as api:
        me = (await api.asked("GET", "/v1/me")).document
    if as_json:
        write_json({"api": api.who.api, **({"person": api.who.person} if api.who.person else {}), **me})
        return
    name = f"{api.who.person}, by the key of this machine" if api.who.person else f"{me['account']} ({me['full_name']})"
    out().print(escape(f"{name} at {api.who.api}"))
    for appointment in me["appointments"]:
        parts = [appointment[part] for part in ("role", "jurisdiction", "unit") if part in appointment]
        out().print(escape(f"  {':'.join(parts)}"))


async def _by_password(url: str, name: str | None, password_file: Path | None) -> tuple[str, Any]:
    """The token of a session that begins, and the session."""
    who = {"name": name or asked_for("Account", secret=False)}
    who["password"] = secret_in(password_file) if password_file else asked_for("Password")
    new = await begun(url, who)
    return new["token"], new["session"]


async def _by_provider(url: str) -> tuple[str, Any]:
    """Likewise, of whoever signs in at the provider."""
    from duban_cli.provider_sign_in import provider_token

    token = await provider_token(url)
    async with client_of(url, Credential(url, token, ""), "the API") as server:
        *_, session = (await server.asked("GET", SESSIONS)).document["sessions"]
    return token, session


def _kept(url: str) -> KeptSession | None:
    try:
        return kept(url)
    except Untrusted:
        return None
