"""Sources: who may hand in reports, and how they speak. ``duban source`` writes them, the gateway reads them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from duban.messages.envelope import Payload
from duban.messages.report import Name, ReportName, Sha256
from duban.messages.struct import NO_NEWLINE, AwareDatetime, Frozen

#: How many keys a source may have at a time: the new one beside the old, until every sender has the new one.
MOST_KEYS: Final = 2
#: How a source is written where it is typed, in paths and in files.
SourceName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9./-]*$" + NO_NEWLINE)]

#: An address over HTTP, with nobody's name in it.
Address = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s/@?#]+(/[^\s#]*)?$" + NO_NEWLINE)]


class SourceKey(Frozen):
    """A key as everybody may know it: its SHA-256, and since when it holds. Keys are random, of 256 bits."""

    sha256: Sha256
    since: AwareDatetime


class RegisteredSource(Payload):
    """A source: under which names it speaks, with which keys, in which language, and what its reports have in common.

    The newest record of a name is the source as it is; one that is off keeps its names.
    """

    TOPIC: ClassVar[str] = "duban.sources.v1"
    TYPE: ClassVar[str] = "duban.source.registered"

    name: SourceName
    kind: Annotated[Name, Meta(description="The channel that reads what it sends: reports, orders, …")] = "reports"
    jurisdiction: Annotated[Name | None, Meta(description="The one for which it reports; none: any")] = None
    channel: Annotated[Name | None, Meta(description="Of reports that name none")] = None
    category: Annotated[Name | None, Meta(description="Of reports that name none")] = None
    names: Annotated[
        tuple[ReportName, ...], Meta(max_length=50, description="Under which it speaks besides its own")
    ] = ()
    keys: Annotated[tuple[SourceKey, ...], Meta(max_length=MOST_KEYS)] = ()
    is_open: Annotated[bool, Meta(description="Taken without a key, from this machine alone")] = False
    is_off: Annotated[bool, Meta(description="Nothing of it is taken")] = False
    signature: Annotated[
        Literal["standard", "github", "grafana", "twilio"] | None,
        Meta(description="How its requests are signed; they need no key then. The secret is told the gateway alone"),
    ] = None
    rate: Annotated[int, Meta(ge=1, description="Most reports a minute")] | None = None
    max_body: Annotated[int, Meta(ge=1024, description="Largest body of a request, in bytes")] | None = None
    keeper: Annotated[Name | None, Meta(description="The unit that keeps it going, as the policy calls it")] = None
    quiet: (
        Annotated[int, Meta(ge=60, description="For how many seconds it may be silent; beyond, its keeper owes a duty")]
        | None
    ) = None
    mapping: Annotated[dict[str, Any] | None, Meta(description="What its fields mean, as in a mapping file")] = None
    callback: Annotated[
        Address | None,
        Meta(description="Where it is told what becomes of its reports. The secret is told escalation alone"),
    ] = None
    principal: (
        Annotated[
            str,
            Meta(
                max_length=100,
                pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$" + NO_NEWLINE,
                description="As whom it comes to the brokers, where it is a producer itself",
            ),
        ]
        | None
    ) = None

    @property
    def is_watched(self) -> bool:
        """Whether somebody keeps it, and it may be silent only so long."""
        return bool(self.quiet and self.keeper and self.jurisdiction and not self.is_off)

    def silent_from(self, spoke_at: datetime | None) -> datetime | None:
        """From when on it is silent for too long, if it was heard last ``spoke_at``; None where it never is.

        One that was never heard is silent since it got the newest of its keys.
        """
        last = spoke_at or max((key.since for key in self.keys), default=None)
        return last + timedelta(seconds=self.quiet or 0) if self.is_watched and last is not None else None


#: What travels on the topic of sources.
SOURCES: Final[dict[str, type[RegisteredSource]]] = {RegisteredSource.TYPE: RegisteredSource}
