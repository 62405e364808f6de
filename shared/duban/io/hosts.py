"""By which names a server is spoken to, and where tokens may go.

A page in a browser can have its own name point to this machine (DNS rebinding) and would then read what the loopback
address answers. The browser still sends the page's name as ``Host``: a server that knows its names refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

import orjson

from duban.errors import SettingsError

UNKNOWN_HOST: Final = "unknown_host"
_LOOPBACK: Final = "localhost"
#: What a proxy says for whom it speaks.
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s\[\]:@/?#,]+))(?::\d{1,5})?")


class Hosts:
    """The names and addresses of loopback, what a server is bound to, and what ``more`` allows, parted by commas.

    A server that is bound to every address is spoken to by any of them; it is names that a page can make up.
    """

    def __init__(self, bound: str, more: str = "") -> None:
        self._names = {_LOOPBACK, bound.lower(), *(name.strip().lower() for name in more.split(","))} - {""}
        address = _address(bound)
        self._any_address = address is not None and address.is_unspecified

    def refusal(self, header: str | None) -> str | None:
        """Why a request with this ``Host`` is not taken, and what to do about it; None if it is."""
        match = _HOST.fullmatch(header or "")
        name = (match["ipv6"] or match["name"]).lower() if match else ""
        if name in self._names or _is_loopback(name) or (self._any_address and _address(name) is not None):
            return None
        complaint = f"this server is not known as {name[:100]}" if name else "the request names no host"
        return f"{complaint}; speak to it as {_LOOPBACK}, or add the name that it has for you to DUBAN_ALLOWED_HOSTS"


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a proxy says that it asks for somebody else; believed or not, then it is not this machine that asks."""
    return any(name in headers for name in _FORWARDED)


def cannot_listen(
    bound: str, port: int, variable: str, why: OSError | None = None, address: str = "DUBAN_BIND"
) -> SettingsError:
    """What is wrong where a server finds its port taken, or that the address ``bound`` is none of this machine's.

    ``variable`` and ``address``: the settings of the two.
    """
    place = f"[{bound}]:{port}" if ":" in bound else f"{bound}:{port}"
    because = f": {why.strerror}" if why is not None and why.strerror else ""
    return SettingsError(
        f"cannot listen on {place}{because}; stop what uses that port, or set {variable} to another, or {address}"
    )


def guarded_url(url: str) -> str:
    """``url``, where tokens may go to.

    Raises:
        ValueError: it is no URL, or what goes there may be read on the way.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in url:
        raise ValueError("should be the URL of the API, as https://NAME or http://127.0.0.1:8320")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("should be https: over http tokens go to this machine alone, not past everybody on the way")
    return url


def refused(why: str) -> bytes:
    """The body of the answer to a request for a host that is not known, in the shape of every fault."""
    return orjson.dumps({"error": {"code": UNKNOWN_HOST, "field": "host", "message": why}})


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return name.lower() == _LOOPBACK or (address is not None and address.is_loopback)
