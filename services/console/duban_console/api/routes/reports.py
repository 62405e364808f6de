"""The route of reports: those of a problem as they came, with what is sealed of them opened."""

from __future__ import annotations

from fastapi import FastAPI, Response

from duban.moves import Kind
from duban_console.api.answer import respond
from duban_console.api.asker import Asks, unknown
from duban_console.api.document import answers
from duban_console.api.responses import ShownReports
from duban_console.api.routes.records import RecordId
from duban_console.ledger import LedgerReader
from duban_console.reports import ReportOpener, shown

#: What is personal is kept by nobody on the way.
_NEVER_KEPT = {"Cache-Control": "no-store"}


def serve_reports(app: FastAPI, ledger: LedgerReader, opener: ReportOpener | None) -> None:
    """Add the route to ``app``; without ``opener`` what is sealed stays so."""

    @app.get("/v1/problems/{id}/reports", responses=answers(ShownReports), tags=["problems"])
    async def reports(id_: RecordId, asks: Asks) -> Response:
        """The reports of a problem, the first first, as they came; `seal` says how what is personal of each stands."""
        asks.must("see_history")
        record = await ledger.record(id_)
        if record is None or record.kind is not Kind.PROBLEM or not asks.sees("see_history", record):
            raise unknown(Kind.PROBLEM, id_)
        filed = ShownReports(reports=[shown(report, opener) for report in await ledger.filed(id_)])
        return respond(asks, filed, headers=_NEVER_KEPT, deed="see_history", of=record)
