"""What somebody saw, who reported it, and sealed evidence. Pure, but for the bytes of a file that is sealed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

#: The topic for reports, and the type of their events.
TOPIC: Final = "duban.reports.v1"
TYPE: Final = "duban.report.submitted"
#: Fields that are no part of the report on a topic.
_OF_THE_EVENT: Final = ("id", "source", "time")
_CONFIDED: Final = ("contact", "secret")
#: By what places may be measured.
_SYSTEMS: Final = ("wgs84", "gcj02", "bd09")


@dataclass(frozen=True, slots=True)
class Location:
    """A point on the earth, degrees; WGS 84, unless its report says otherwise."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence: where it lies, and the SHA-256 of its bytes in hexadecimal digits."""

    uri: str
    sha256: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a reporter, by at least one way. The gateway seals it into the vault; no topic ever holds it."""

    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    other: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report. ``id`` is its own at its source: the same id again is the same report, for ever.

    What the source has in common with all its reports (``source``, ``jurisdiction``, ``channel``, ``category``) is
    said here only where it differs. Instants bear their offset from UTC. A ``contact`` goes with a ``secret``, which
    is the sender's own for each report (:func:`new_secret`) and is kept by it, so that the same can be sent again.

    ``coordinates`` says by what ``location`` is measured where that is not WGS 84: ``gcj02`` (Amap, Tencent and most
    maps of China) or ``bd09`` (Baidu). The gateway brings it to WGS 84; a topic takes nothing else.

    ``continues`` is the id of an earlier report of the source that this one goes on with; ``ended_at`` says since when
    what it tells of is over.

    Raises:
        ValueError: an instant without an offset; a contact without a secret; ``coordinates`` that are none of these.
    """

    id: str
    title: str
    source: str | None = None
    jurisdiction: str | None = None
    channel: str | None = None
    text: str | None = None
    category: str | None = None
    matter: str | None = None
    area: str | None = None
    location: Location | None = None
    coordinates: str | None = None
    enterprise: str | None = None
    observed_at: datetime | None = None
    time: datetime | None = None
    reply_form: str | None = None
    continues: str | None = None
    ended_at: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    identity: str | None = None
    handle: str | None = None
    contact: Contact | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("observed_at", "time", "ended_at"):
            instant = getattr(self, name)
            if instant is not None and instant.utcoffset() is None:
                raise ValueError(f"{name} has no offset from UTC; give it a tzinfo")
        if self.coordinates is not None and self.coordinates not in _SYSTEMS:
            raise ValueError(f"coordinates are measured by one of {', '.join(_SYSTEMS)}")
        if self.contact is not None and self.secret is None:
            raise ValueError("a contact goes with a secret of the sender's own: secret=new_secret(), and keep it")

    def body(self) -> dict[str, Any]:
        """The report as the gateway takes it, as JSON data; nothing that is absent."""
        body: dict[str, Any] = _plain(self)
        of_reporter = {name: body.pop(name) for name in ("identity", "handle") if name in body}
        return body | ({"reporter": of_reporter} if of_reporter else {})

    def data(self) -> dict[str, Any]:
        """The report as the topic holds it, as JSON data: without id, source and time, which the event bears.

        Raises:
            ValueError: it has a contact, which never goes onto a topic, or a place that is not in WGS 84.
        """
        body = self.body()
        if any(name in body for name in _CONFIDED):
            raise ValueError("a contact or a secret never goes onto a topic; hand this report in by HTTP")
        if body.pop("coordinates", "wgs84") != "wgs84":
            raise ValueError("a topic takes places in WGS 84 alone; hand this report in by HTTP")
        return {name: value for name, value in body.items() if name not in _OF_THE_EVENT}


def sealed(file: str | Path, uri: str, title: str | None = None) -> Evidence:
    """The bytes of ``file`` sealed as evidence: its SHA-256, with ``uri``, where others find the same bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(file).open("rb") as opened:
        return Evidence(uri, file_digest(opened, "sha256").hexdigest(), title)


def new_secret() -> str:
    """A secret for one report with a contact: 22 random characters."""
    return secrets.token_urlsafe(16)


def _plain(value: Any) -> Any:
    """``value`` as JSON data, without what is None or empty."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {name: _plain(item) for name, item in value.items() if item is not None and item not in ((), {})}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value):
            return _plain({item.name: getattr(value, item.name) for item in fields(value)})
        case _:
            return value
