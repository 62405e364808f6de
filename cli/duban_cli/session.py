"""Sessions at the API, as they begin and end at a terminal: what is secret is asked for there without being shown."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import typer

from duban.errors import Unavailable
from duban_cli.identity import Credential, Server, api_address, client_of, http_client, words_of
from duban_cli.output import ExitCode, fail
from duban_cli.sign_in_file import KeptSession

SESSIONS: Final = "/v1/sessions"
_CURRENT: Final = f"{SESSIONS}/current"
#: What the API wants to be told besides, by what it says: the field, and how a person is asked for it.
_MORE: Final = {
    "code_needed": ("code", "Code that the device shows"),
    "password_to_change": ("new_password", "New password"),
}


@asynccontextmanager
async def session_of(name: str) -> AsyncIterator[Credential]:
    """``name``, signed in for as long as this lasts: they are asked for their password, and signed out at the end."""
    url = api_address()
    session = await begun(url, {"name": name, "password": asked_for(f"Password of {name}")})
    try:
        yield Credential(url, session["token"], "the session has ended: begin anew")
    finally:
        await end(url, KeptSession(url, session["session"]["account"], session["token"]))


async def begun(url: str, who: dict[str, str]) -> Any:
    """The session that begins at the API ``url``; what that wants besides is asked for, each once."""
    besides = dict(_MORE)
    async with http_client(url) as client:
        server = Server("the API", Credential(url, "", ""), client)
        while True:
            answer = await server.asked("POST", SESSIONS, json=who, also=(400, 401))
            if answer.status < 400:
                return answer.document
            field, what = besides.pop(answer.document["error"]["code"], (None, ""))
            if field is None:
                code = ExitCode.USAGE if answer.status == 400 else ExitCode.CONFLICT
                fail(code, words_of(answer.document) or f"the API answers {answer.status}")
            who[field] = asked_for(what, twice=field == "new_password")


async def end(url: str, session: KeptSession) -> None:
    """End ``session`` at its API; one that has ended already is as good."""
    credential = Credential(url, session.token, "")
    try:
        async with client_of(url, credential, "the API") as server:
            await server.asked("DELETE", _CURRENT, also=(401, 404))
    except Unavailable as error:
        fail(ExitCode.UNAVAILABLE, f"{error}; the session of {session.account} ends by itself, unless somebody uses it")


def asked_for(what: str, *, secret: bool = True, twice: bool = False) -> str:
    """What is asked for at a terminal, where a secret is not shown; else the next line of stdin."""
    if sys.stdin.isatty():
        asked_for: str = typer.prompt(what, hide_input=secret, confirmation_prompt=twice, err=True)
        return asked_for
    line = sys.stdin.readline()
    if not line:
        fail(ExitCode.USAGE, f"{what}: stdin has no line for it, and is no terminal to ask at")
    return line.rstrip("\r\n")
