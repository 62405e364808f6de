"""What `duban login` keeps: for each API a file of its own, which nobody but its owner may read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from duban.errors import DubanError
from duban.io.key_file import write_private_file

_FOLDER: Final = Path("duban", "sign-ins")


class Untrusted(DubanError):
    """A file that is not what `duban login` has left, or that others could have read."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session at the API ``api``, as the account ``account``."""

    api: str
    account: str
    token: str = field(repr=False)


def keep(session: KeptSession) -> Path:
    """Write ``session`` in the place of the one at the same API; where it lies."""
    place = _place(session.api)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private_file(place, json.dumps(asdict(session)).encode())
    return place


def kept(api: str) -> KeptSession | None:
    """The session at ``api``, if somebody signed in there.

    Raises:
        Untrusted: others may read it, or it is none.
    """
    place = _place(api)
    return _read(place) if place.exists() else None


def forget(api: str) -> None:
    """Keep no session at ``api`` any more."""
    _place(api).unlink(missing_ok=True)


def only_api() -> str | None:
    """The API at which somebody is signed in, if it is one alone."""
    sessions = [_read(place) for place in _places()]
    return sessions[0].api if len(sessions) == 1 else None


def _folder() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(configured) if Path(configured).is_absolute() else Path.home() / ".config") / _FOLDER


def _places() -> Iterator[Path]:
    return _folder().glob("*.json")


def _place(api: str) -> Path:
    return _folder() / f"{quote(api, safe='')}.json"


def _read(place: Path) -> KeptSession:
    again = "`duban logout`, then `duban login` again"
    try:
        with place.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Untrusted(f"{place}: others than its owner may read it, so its session is no secret: {again}")
            return KeptSession(**json.load(file))
    except OSError as error:
        raise Untrusted(f"{place} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise Untrusted(f"{place} is no session: {again}") from None
