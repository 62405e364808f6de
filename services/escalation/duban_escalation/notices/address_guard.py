"""No request to a private address: the name is resolved once, what it means is checked, and that address is called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

import httpx2

from duban.errors import Unavailable

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_NAT64: Final = IPv6Network("64:ff9b::/96")


class Guard(httpx2.AsyncBaseTransport):
    """Passes requests on to the address that it has checked, so that a name cannot change its mind in between."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, resolve: Resolve | None = None) -> None:
        self._inner = inner
        self._resolve = resolve or _resolved

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send ``request`` to a public address of its host.

        Raises:
            Unavailable: the name cannot be resolved now, or to a private address; the notice is kept and tried again.
        """
        host = request.url.host
        try:
            addresses = await self._resolve(host, request.url.port or 443)
        except OSError as error:
            raise Unavailable(f"{host} cannot be resolved: {error}") from error
        private = [address for address in addresses if not is_public(address)]
        if private:
            raise Unavailable(
                f"{host} has the private address {private[0]}: set DUBAN_WEBHOOK_ALLOW_PRIVATE=true if that is meant"
            )
        request.extensions = {"sni_hostname": host, **request.extensions}
        request.url = request.url.copy_with(host=addresses[0])  # the Host header keeps the name
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def is_public(address: str) -> bool:
    """Whether ``address`` is one of the open internet; an IPv4 address inside an IPv6 one is looked at by itself."""
    ip = ip_address(address)
    inside = _inside(ip) if isinstance(ip, IPv6Address) else None
    return is_public(str(inside)) if inside else ip.is_global and not ip.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


async def _resolved(host: str, port: int) -> list[str]:
    places = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[4][0]) for place in places]
