"""Who the command line is to the servers: at which API, known by which token, and as whom.

    DUBAN_API         the API's URL; else that of the engine that runs here, else the only one that anybody signed in to
    DUBAN_TOKEN_FILE  a file with a key or a token, for scripts; else the session of `duban login`, else, on the engine
                      that runs here, the key that its stack has made for this machine

A command that asks a server writes::

    async with api_client() as api:
        answer = await api.asked("GET", "/v1/me")
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from duban.errors import DubanError, Unavailable
from duban_cli.accounts_desk import ourselves
from duban_cli.connection import engine_folder
from duban_cli.engine_note import note_of
from duban_cli.output import ExitCode, fail
from duban_cli.sign_in_file import kept, only_api
from duban_local import DATABASE_VARIABLE, KAFKA_VARIABLE

if TYPE_CHECKING:
    import httpx2

API_VARIABLE: Final = "DUBAN_API"
KEY_VARIABLE: Final = "DUBAN_TOKEN_FILE"
#: The key of the command line of this machine, in the folder of the stack that has made it.
LOCAL_KEY: Final = "local.key"

#: Seconds for an answer, beside those that are waited for an outcome.
_PATIENCE: Final = 30.0
#: How a command ends when a server does not do as told.
_CODES: Final = {
    400: ExitCode.USAGE,
    401: ExitCode.CONFLICT,  # to come again changes nothing, as it might where somebody is away
    403: ExitCode.CONFLICT,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    410: ExitCode.CONFLICT,
    413: ExitCode.USAGE,
    429: ExitCode.UNAVAILABLE,
    502: ExitCode.UNAVAILABLE,
    503: ExitCode.UNAVAILABLE,
    504: ExitCode.UNAVAILABLE,
}


class NotSignedIn(DubanError):
    """Nobody is signed in, or the file that says so is not to be trusted; with what to do."""


class BadAddress(DubanError):
    """What can be no URL of a server."""


@dataclass(frozen=True, slots=True)
class Credential:
    """By which token the command line is known at the API ``api``.

    ``cure`` says what to do when the token holds no more. ``person`` is who acts, on the engine of this machine alone:
    its key is that of the machine, and the account under which the command runs is a person of it.
    """

    api: str
    token: str = field(repr=False)
    cure: str
    person: str | None = None


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What a server has answered: its status, and its document."""

    status: int
    document: Any


def api_address(named: str | None = None) -> str:
    """The URL of the API: the one ``named``, else by the environment, the engine here, or the only sign-in.

    Raises:
        Unavailable: none is known.
    """
    if chosen := named or os.environ.get(API_VARIABLE):
        return checked_url(chosen)
    if here := _served_here("api"):
        return here
    if alone := only_api():
        return alone
    raise Unavailable(
        f"no API is known: start an engine with `duban up`, sign in with `duban login --api URL`, or set {API_VARIABLE}"
    )


def credential(api: str | None = None) -> Credential:
    """Who the command line is at ``api``, else at the API that is meant anyway.

    Raises:
        NotSignedIn: nobody is.
        Unavailable: no API is known.
    """
    url = api_address(api)
    if file := os.environ.get(KEY_VARIABLE):
        cure = f"put one that holds into {file} ({KEY_VARIABLE}): `duban key rotate` makes it"
        return Credential(url, secret_in(Path(file)), cure, _machine_person(Path(file)))
    if (session := kept(url)) is not None:
        return Credential(url, session.token, "`duban login` begins a new session, `duban logout` forgets this one")
    if url == _served_here("api") and (key := engine_folder() / LOCAL_KEY).exists():
        return Credential(url, secret_in(key), "stop the engine here and start it again: it makes another", ourselves())
    raise NotSignedIn(f"nobody is signed in at {url}: `duban login`, or set {KEY_VARIABLE} to a file with a key")


def secret_in(file: Path) -> str:
    """The first line of ``file``, which nobody but its owner may read.

    Raises:
        NotSignedIn: there is none, or others may read it.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NotSignedIn(f"{file}: others than its owner may read it: make another key, and `chmod 600` it")
            line = opened.readline().strip()
    except OSError as error:
        raise NotSignedIn(f"{file} cannot be read: {error.strerror}") from None
    if not line:
        raise NotSignedIn(f"{file} is empty: its first line is to be a key or a token")
    return line


@dataclass(frozen=True, slots=True)
class Server:
    """A server, as somebody who is known to it asks it. ``name`` is what people call it."""

    name: str
    who: Credential
    client: httpx2.AsyncClient

    async def asked(
        self, method: str, path: str, *, also: Collection[int] = (), patience: float = 0, **rest: Any
    ) -> ServerAnswer:
        """What it answers within ``patience`` seconds and a bit; a status in ``also`` is an answer, too.

        Ends the command, with the server's words, where it does not do as told.
        """
        import httpx2

        try:
            answer = await self.client.request(method, path, timeout=_PATIENCE + patience, **rest)
        except httpx2.TransportError as error:
            say = f"{self.name} does not answer at {self.client.base_url} ({type(error).__name__})"
            raise Unavailable(f"{say}: start it, or name another one") from error
        if not (answer.is_success or answer.status_code in also):
            words = _words(answer)
            cure = f": {self.who.cure}" if answer.status_code == 401 else ""
            fail(_CODES.get(answer.status_code, ExitCode.FAILURE), words + cure)
        try:
            return ServerAnswer(answer.status_code, answer.json() if answer.content else None)
        except ValueError:
            fail(ExitCode.FAILURE, _words(answer))


@asynccontextmanager
async def api_client(api: str | None = None) -> AsyncIterator[Server]:
    """The API, for whoever is signed in there."""
    who = credential(api)
    async with client_of(who.api, who, "the API") as server:
        yield server


@asynccontextmanager
async def client_of(url: str, who: Credential, name: str) -> AsyncIterator[Server]:
    """The server at ``url``, for ``who``: the API itself, or another one that takes its tokens."""
    async with http_client(url) as client:
        client.headers["authorization"] = f"Bearer {who.token}"
        yield Server(name, who, client)


def http_client(url: str) -> httpx2.AsyncClient:
    """A client of the server at ``url``; what stays on this machine goes through no proxy."""
    import httpx2

    return httpx2.AsyncClient(base_url=url, trust_env=not is_here(url), headers={"user-agent": "duban"})


def is_here(url: str) -> bool:
    """Whether ``url`` is on this machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def checked_url(url: str) -> str:
    """``url`` without what makes no difference at its end.

    Raises:
        BadAddress: it is none that a server of ours could have.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress(f"{url} is no URL of an API: write it as http://127.0.0.1:8320, or https://NAME")
    if parts.username or parts.password:
        raise BadAddress("the URL of an API holds no name and no password: `duban login` asks for them")
    return url.rstrip("/")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


async def known_as() -> str:
    """Who the command line is, for the audit of what no API does: ``local:NAME`` here, else the account signed in.

    Raises:
        NotSignedIn: nobody is.
        Unavailable: no API is known that could say who.
    """
    api = _served_here("api")
    if _stack_is_here() and not os.environ.get(KEY_VARIABLE) and (api is None or kept(api) is None):
        return ourselves()
    async with api_client() as server:
        return server.who.person or str((await server.asked("GET", "/v1/me")).document["account"])


def _served_here(service: str) -> str | None:
    """Where ``service`` of the engine that runs here is called, unless the environment means another engine."""
    urls = note_of(engine_folder()).get("urls")
    if not isinstance(urls, dict) or service not in urls or not _stack_is_here():
        return None
    return str(urls[service])


def _stack_is_here() -> bool:
    """Whether a stack runs here, and is the one that the environment means, if it names any."""
    from duban_local.stack import find_running

    running = find_running(engine_folder())
    if running is None:
        return False
    kafka, database = os.environ.get(KAFKA_VARIABLE), os.environ.get(DATABASE_VARIABLE)
    if kafka:  # then the database may be named by another way into the same one
        return kafka == running.kafka
    return not database or _place(database) == _place(running.database)


def _place(address: str) -> str:
    """Where a database is, whoever comes to it."""
    return address.rpartition("@")[2].partition("?")[0]


def _machine_person(file: Path) -> str | None:
    """Who acts where ``file`` holds the key of this machine, named by hand."""
    return ourselves() if file.resolve() == (engine_folder() / LOCAL_KEY).resolve() else None


def words_of(document: Any) -> str | None:
    """What a server of ours says in ``document`` that was wrong; None where it is no such document."""
    try:
        error = document["error"]
        place = f"{error['field']}: " if error.get("field") else ""
        return f"{place}{error['message']} ({error['code']})"
    except (KeyError, TypeError, AttributeError):
        return None


def words_in(answer: httpx2.Response) -> str | None:
    """What ``answer`` says was wrong, as :func:`words_of` its document; None also where it holds none."""
    try:
        return words_of(answer.json())
    except ValueError:
        return None


def _words(answer: httpx2.Response) -> str:
    return words_in(answer) or f"no server of ours: {answer.request.url} answers {answer.status_code}"
