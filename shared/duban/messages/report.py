"""A report (线索): what somebody saw, as it came in. Producers write it, intake reads it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from msgspec import Meta, field
from msgspec.structs import force_setattr

from duban.clock import within_range
from duban.messages.envelope import Payload
from duban.messages.struct import NAME, NO_NEWLINE, NO_NUL, AwareDatetime, Frozen, Unfit

#: How long a name, and a title, is at most.
MOST_OF_NAME: Final = 120
MOST_OF_TITLE: Final = 300

#: Names that travel as keys and labels: units, categories, matters, areas, channels, jurisdictions.
Name = Annotated[str, Meta(min_length=1, max_length=MOST_OF_NAME, pattern=NAME + NO_NEWLINE)]
#: Free text of people. NUL is refused here because no database column could hold it.
Prose = Annotated[str, Meta(max_length=8000, pattern=NO_NUL)]
#: The source of a report, and its id there, as the ledger looks for who waits for a reply by them.
ReportName = Annotated[str, Meta(min_length=1, max_length=300, pattern=NO_NUL)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$" + NO_NEWLINE)]
#: How the URI of evidence begins that lies in the engine's own store; its SHA-256 follows.
STORE_SCHEME: Final = "evidence:"


class Location(Frozen):
    """A point on the earth, WGS 84, degrees."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class Evidence(Frozen):
    """A sealed piece of evidence (固化证据): where it lies and the SHA-256 of its bytes.

    ``evidence:`` with the SHA-256 is in the engine's own store; any other ``uri`` is kept by whoever wrote it.
    """

    uri: Annotated[str, Meta(min_length=1, max_length=2000, pattern=NO_NUL)]
    sha256: Sha256
    title: Prose = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is said to lie in the engine's own store."""
        return self.uri.startswith(STORE_SCHEME)


def stored_evidence(sha256: str, title: str = "") -> Evidence:
    """The file ``sha256`` of the engine's own store, as evidence."""
    return Evidence(uri=f"{STORE_SCHEME}{sha256}", sha256=sha256, title=title)


class Identity(StrEnum):
    """How far the reporter is known; who it is never travels."""

    NAMED = "named"
    INSIDER = "insider"
    ANONYMOUS = "anonymous"


class Reporter(Frozen):
    """Who reported: the level of identity and an opaque handle, never a name or a number."""

    identity: Identity = Identity.ANONYMOUS
    handle: Annotated[str, Meta(max_length=120, pattern=NO_NUL)] | None = None


#: Of whom nothing is known.
_UNKNOWN: Final = Reporter()


class Report(Payload):
    """A report from any channel. Producers write it; its CloudEvent source and id make it unique for ever.

    ``reply_form`` is the form in which the reporter asks to be told, as the pack calls it: in writing, by telephone.
    ``continues`` is the id of an earlier report of the same source, which this one goes on with: it is filed where that
    one was. ``ended_at``: since when what it tells of is over; that closes nothing.
    """

    TOPIC: ClassVar[str] = "duban.reports.v1"
    TYPE: ClassVar[str] = "duban.report.submitted"

    jurisdiction: Name
    channel: Name
    title: Annotated[str, Meta(min_length=1, max_length=MOST_OF_TITLE, pattern=NO_NUL)]
    text: Prose = ""
    category: Name | None = None
    matter: Name | None = None
    area: Name | None = None
    location: Location | None = None
    enterprise: Name | None = None
    observed_at: AwareDatetime | None = None
    reply_form: Name | None = None
    continues: ReportName | None = None
    ended_at: AwareDatetime | None = None
    reporter: Reporter = _UNKNOWN
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=50)] = ()
    attributes: Annotated[dict[Name, Prose], Meta(max_length=50)] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_range("observed_at", self.observed_at)
        in_range("ended_at", self.ended_at)
        if self.reporter == _UNKNOWN:  # one content has one form: an empty reporter is none
            force_setattr(self, "reporter", _UNKNOWN)


def in_range(name: str, at: datetime | None) -> None:
    """Refuse an instant that somebody names in ``name`` and that calendars, zones or databases cannot count.

    Raises:
        Unfit: it lies outside the years 1900 to 2199.
    """
    try:
        if at is not None:
            within_range(at)
    except ValueError as error:
        raise Unfit(name, str(error)) from None


class SealedField(StrEnum):
    """What of a report may identify somebody, and is sealed where the pack says so."""

    TITLE = "title"  #: the title of the category stands for it
    TEXT = "text"
    ATTRIBUTES = "attributes"
    LOCATION = "location"
    EVIDENCE = "evidence"  #: titles of files, and what lies elsewhere; the hashes of files in the store stay


class SealedFields(Frozen):
    """The ``fields`` of a report under a key of its own, in base64: nobody reads them once that key is destroyed.

    Without ``body`` it was destroyed before the report came to the ledger.
    """

    fields: tuple[SealedField, ...]
    body: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/=]*$" + NO_NEWLINE)] = ""


class Filed(Frozen):
    """A report as it goes into the ledger: with its source and id, and the instant it counted as received.

    What is ``sealed`` of it is left out of ``report``.
    """

    source: ReportName
    id: ReportName
    received_at: AwareDatetime
    report: Report
    sealed: SealedFields | None = None
