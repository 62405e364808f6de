"""What comes again and again within a minute is a line of the log and a count: no flood fills the disk. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from duban_console.accounts.log import AccountAct

_WINDOW: Final = timedelta(minutes=1)
#: So many different ones have a line of their own in a minute, in each process.
_MOST: Final = 100
#: So many addresses are told apart in a count.
_MOST_ADDRESSES: Final = 50


@dataclass(slots=True)
class _Counted:
    """An act that came again, how often, and from where."""

    act: AccountAct
    times: int = 0
    addresses: set[str] = field(default_factory=set)


class Recurrence:
    """Acts of the minute that is running: of each kind, account and subject the first is a line, the others a count."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._counted: dict[tuple[str, str, str], _Counted] = {}
        self._beyond: _Counted | None = None

    def lines(self, act: AccountAct, subject: str) -> list[AccountAct]:
        """What is to be written now that ``act`` has been done about ``subject``: it, unless it came before."""
        lines = self.over(act.at)
        self._since = self._since or act.at
        key = (act.kind, act.account, subject)
        counted = self._counted.get(key)
        if counted is None and len(self._counted) < _MOST:
            self._counted[key] = _Counted(replace(act, detail=subject))
            return [*lines, act]
        if counted is None:
            counted = self._beyond = self._beyond or _Counted(replace(act, account="", by="", detail="others"))
        counted.times += 1
        if len(counted.addresses) < _MOST_ADDRESSES:
            counted.addresses.add(act.address)
        return lines

    def over(self, at: datetime, *, ending: bool = False) -> list[AccountAct]:
        """The counts of the minute that was running, if it is over ``at`` or is ``ending``; then another begins."""
        since = self._since
        if since is None or (since <= at < since + _WINDOW and not ending):
            return []
        everything = [*self._counted.values(), *([self._beyond] if self._beyond else [])]
        self._since, self._counted, self._beyond = None, {}, None
        return [_told(counted, since, at) for counted in everything if counted.times]


def _told(counted: _Counted, since: datetime, at: datetime) -> AccountAct:
    addresses = sorted(counted.addresses)
    many = len(addresses) >= _MOST_ADDRESSES
    whence = addresses[0] if len(addresses) == 1 else f"{len(addresses)}{' or more' if many else ''} addresses"
    detail = f"{counted.act.detail}: {counted.times} more since {since:%Y-%m-%dT%H:%M:%SZ}, from {whence or 'nowhere'}"
    return replace(counted.act, at=at, address=addresses[0] if len(addresses) == 1 else "", detail=detail)
