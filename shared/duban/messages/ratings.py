"""What a reporter says of what became of their report. The gateway writes it for who has the code, intake reads it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from duban.messages.envelope import Payload
from duban.messages.report import Name, Prose, ReportName
from duban.messages.struct import NO_NUL


class RatedReport(Payload):
    """A reporter is satisfied with what became of their report, or not: then on which ground of the pack, and why.

    ``source`` and ``id`` are those of the report. ``handle`` stands for the claim code that its reporter has: only who
    knows that code says anything of the report.
    """

    TOPIC: ClassVar[str] = "duban.ratings.v1"
    TYPE: ClassVar[str] = "duban.report.rated"

    source: ReportName
    id: ReportName
    handle: Annotated[str, Meta(max_length=120, pattern=NO_NUL)]
    satisfied: bool
    ground: Name | None = None
    reason: Prose = ""


#: What travels on the topic of ratings.
RATINGS: Final[dict[str, type[RatedReport]]] = {RatedReport.TYPE: RatedReport}
