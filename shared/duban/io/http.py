"""An HTTP server as a part of a service: it starts and stops with the service, and listens where the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duban.errors import Fault
from duban.io.faults import answer, fault_answer
from duban.io.hosts import UNKNOWN_HOST, Hosts, cannot_listen
from duban.io.http_protocol import within
from duban.io.rate_limits import RateLimits
from duban.io.settings import ServerSettings
from duban.io.tls import server_tls

#: What a browser does with an answer, however it comes to it: it runs nothing of it, and shows it to no other page.
_GUARDS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: The pages that show the document, with scripts of their own from elsewhere.
_PAGES: Final = ("/docs", "/redoc", "/docs/oauth2-redirect")


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the shell stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Beside(Protocol):
    """What requests in hand still need: it is stopped after the last of them."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...


class Http:
    """Serves ``app``; ``stop`` lets requests in hand finish, then what runs ``beside``.

    ``variable`` names the setting of the port, for whoever finds it taken. Who speaks to another host is
    refused, and so is who asks too often, or takes too long over a request or an answer; below the path ``slow`` files
    may come slowly. ``refusal`` makes of a fault what who asks too often is answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        port: int,
        variable: str,
        beside: Beside | None = None,
        slow: str | None = None,
        refusal: Callable[[Fault], ASGIApp] = fault_answer,
    ) -> None:
        self._host = settings.bind
        self._port = port
        self._variable = variable
        self._beside = beside
        config = uvicorn.Config(
            _KnownHost(_Paced(app, settings.rate_limits(), refusal), Hosts(settings.bind, settings.allowed_hosts)),
            host=settings.bind,
            port=port,
            http=within(settings.request_timeout, settings.max_connections, slow),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.proxies(),
            # What is in hand then is broken off here, a moment before the shell breaks off what is left.
            timeout_graceful_shutdown=max(1, int(settings.drain_timeout) - 1),
        )
        config.load()  # which makes a context of its own, if it is asked for one
        config.ssl = server_tls(settings.tls_certificate, settings.tls_key, settings="DUBAN_TLS")
        self._server = _Server(config)

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server.started and not self._server.should_exit

    async def run(self) -> None:
        """Serve until ``stop``.

        Raises:
            SettingsError: the port is taken, or the address is none of this machine's.
        """
        beside = asyncio.create_task(self._beside.run()) if self._beside else None
        try:
            await self._server.serve()
        except SystemExit:
            raise cannot_listen(self._host, self._port, self._variable) from None
        finally:
            if self._beside and beside:
                self._beside.stop()
                await beside

    def stop(self) -> None:
        """Accept nothing more."""
        self._server.should_exit = True


class _KnownHost:
    """Lets a request through whose host is one of the server's own."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = self._hosts.refusal(Headers(scope=scope).get("host")) if scope["type"] == "http" else None
        reply = self._app if why is None else answer(421, UNKNOWN_HOST, why, "host")
        await reply(scope, receive, send)


class _Paced:
    """Lets a request through to ``app`` unless its address has sent too many."""

    def __init__(self, app: ASGIApp, limits: RateLimits, refusal: Callable[[Fault], ASGIApp]) -> None:
        self._app = app
        self._limits = limits
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = self._app
        if scope["type"] == "http":
            address, _ = scope.get("client") or ("", 0)
            try:
                self._limits.take_from(address, scope["method"], scope["path"])
            except Fault as fault:
                reply = self._refusal(fault)
        await reply(scope, receive, send)


class GuardedAnswers:
    """Has every answer run nothing in a browser, be framed nowhere and be kept by nobody, unless it says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] not in _PAGES:
                headers = MutableHeaders(scope=message)
                for name, value in _GUARDS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)
