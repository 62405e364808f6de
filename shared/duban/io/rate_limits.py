"""How often a server may be asked from one address, or by one account: a pace for each, in memory, in this process.

Several processes of one server count apart, and one that starts has counted nothing: a limit against whoever tries out
passwords and codes or runs wild, not an account of what was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from duban.errors import Fault
from duban.pace import Pace

#: Whoever has an address of IPv6 has all those that begin alike: its first half names a network.
_NETWORK_BYTES: Final = 8


class RateKind(StrEnum):
    """What is counted apart from the rest."""

    SIGN_IN = "sign-ins"
    LOOKUP = "look-ups"  #: by a code, which could be guessed
    REQUEST = "requests"  #: everything else


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests by ``method`` for a path that begins with ``path`` count as ``rate``; None: they are not counted."""

    method: str
    path: str
    rate: RateKind | None


class RateLimits:
    """Most of each rate a minute, by address or account; one that is 0 or not there is without limit.

    ``counted``: what counts as what; the first that fits is meant, and what fits none is a request.
    """

    def __init__(
        self,
        rates: Mapping[RateKind, int],
        counted: Sequence[Counted] = (),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rates = {rate: most for rate, most in rates.items() if most}
        self._counted = counted
        self._seconds = seconds
        self._paces = {rate: Pace() for rate in self._rates}

    def take(self, rate: RateKind, name: str, kind: str = "account") -> None:
        """Count one more of ``rate`` by the account, or whatever else is of that ``kind``, called ``name``.

        Raises:
            Fault: 429, it goes beyond; it is not counted then.
        """
        if (most := self._rates.get(rate)) is None:
            return
        at = self._seconds()
        if (wait := self._paces[rate].wait(name, most, at)) > 0:
            retry = ceil(wait)
            say = f"more than {most} {rate} a minute are not taken from one {kind}; go on in {retry} s"
            raise Fault(429, "too_fast", say, retry=retry)
        self._paces[rate].count(name, most, at)

    def take_from(self, address: str, method: str, path: str) -> None:
        """Count a request from ``address``; raises Fault as :meth:`take` does."""
        fitting = (each for each in self._counted if each.method == method and path.startswith(each.path))
        rate = next((each.rate for each in fitting), RateKind.REQUEST)
        if rate is not None:
            self.take(rate, network(address), "address")


def network(address: str) -> str:
    """What counts as one ``address``: of IPv6 the network of its first 64 bits, and one of IPv4 in it as itself."""
    try:
        read = ip_address(address)
    except ValueError:
        return address
    if not isinstance(read, IPv6Address):
        return str(read)
    return str(read.ipv4_mapped or f"{IPv6Address(read.packed[:_NETWORK_BYTES] + bytes(_NETWORK_BYTES))}/64")
