"""Pages for people and an API for programs behind one port."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send


class BesideApi:
    """The API at its own ``paths`` and below them, and the pages at all others."""

    def __init__(self, api: ASGIApp, pages: ASGIApp, paths: Sequence[str]) -> None:
        self._api = api
        self._pages = pages
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_of_api = scope["type"] != "http" or any(path == its or path.startswith(f"{its}/") for its in self._paths)
        await (self._api if is_of_api else self._pages)(scope, receive, send)
