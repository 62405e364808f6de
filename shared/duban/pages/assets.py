"""Static files of pages, each under an address that changes with its bytes: a browser may keep them for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

#: Below which path they lie.
PATH: Final = "/assets"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".geojson": "application/geo+json",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as a browser is given it."""

    body: bytes
    type: str
    digest: str


class Assets:
    """The files in ``folders`` that a browser may have, read once, and ``others`` by name; no two may have one name."""

    def __init__(self, folders: Sequence[Path], others: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self._assets: dict[str, Asset] = {}
        for folder in folders:
            for file in sorted(folder.iterdir()):
                if file.suffix in _TYPES:
                    self._add(file.name, file.read_bytes())
        for name, body in others.items():
            self._add(name, body)

    def _add(self, name: str, body: bytes) -> None:
        if name in self._assets:
            raise ValueError(f"{name} is the name of another asset already")
        self._assets[name] = Asset(body, _TYPES[PurePath(name).suffix], sha256(body).hexdigest()[:_DIGITS])

    def url(self, name: str) -> str:
        """Where the file ``name`` is."""
        return f"{PATH}/{self._assets[name].digest}/{name}"

    def answer(self, request: Request) -> Response:
        """The file that ``request`` asks for, whatever digest it names: an older page may still be open."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response("no such file", 404, media_type="text/plain")
        is_this = request.path_params["digest"] == asset.digest
        cache = _FOR_EVER if is_this else "no-cache"
        return Response(asset.body, headers={"Cache-Control": cache}, media_type=asset.type)
