"""A report (线索): what somebody saw, as it came in. Producers write it, intake reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from duban.messages.envelope import Instant, Payload

#: Names that travel as keys and labels: units, categories, areas, channels, jurisdictions.
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\s@\x00-\x1f][^\x00-\x1f]*$")]
#: Free text of people. NUL is refused here because no database column could hold it.
Prose = Annotated[str, Field(max_length=8000, pattern=r"^[^\x00]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Frozen(BaseModel):
    """A frozen part of a message, strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Location(Frozen):
    """A point on the earth, WGS 84, degrees."""

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)


class Evidence(Frozen):
    """A sealed piece of evidence (固化证据): where it lies and the SHA-256 of its bytes."""

    uri: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")
    sha256: Sha256
    title: Prose = ""


class Identity(StrEnum):
    """How far the reporter is known; who it is never travels."""

    NAMED = "named"
    INSIDER = "insider"
    ANONYMOUS = "anonymous"


class Reporter(Frozen):
    """Who reported: the level of identity and an opaque handle, never a name or a number."""

    identity: Identity = Identity.ANONYMOUS
    handle: str | None = Field(default=None, max_length=120, pattern=r"^[^\x00]*$")


class Report(Payload):
    """A report from any channel. Producers write it; its CloudEvent source and id make it unique for ever."""

    TOPIC: ClassVar[str] = "duban.reports.v1"
    TYPE: ClassVar[str] = "duban.report.submitted"

    jurisdiction: Name
    channel: Name
    title: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
    text: Prose = ""
    category: Name | None = None
    area: Name | None = None
    location: Location | None = None
    enterprise: Name | None = None
    observed_at: Instant | None = None
    reporter: Reporter = Reporter()
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=50)
    attributes: dict[Name, Prose] = Field(default_factory=dict, max_length=50)


class Filed(Frozen):
    """A report as it goes into the ledger: with its source and id, and the instant it counted as received."""

    source: str
    id: str
    received_at: AwareDatetime
    report: Report
