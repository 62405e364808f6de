"""The routes of reports: those of a problem as they came, and one for whoever handed it in, by its code alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

from duban.errors import Fault
from duban.messages.handle import handle_of
from duban.messages.records import Problem
from duban.messages.struct import to_json
from duban.moves import Kind
from duban_console.api.answer import respond
from duban_console.api.asker import Asks, unknown
from duban_console.api.document import answers
from duban_console.api.responses import ShownReports
from duban_console.api.routes.records import RecordId
from duban_console.export import Export, exported
from duban_console.ledger import LedgerReader
from duban_console.reports import ReportOpener, shown

#: What is personal is kept by nobody on the way.
_NEVER_KEPT = {"Cache-Control": "no-store"}


class CodeOfReport(BaseModel):
    """A report, and the code that its reporter was told; in a body, so that it stands in no address and no log."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    source: str = Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")
    id: str = Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")
    code: str = Field(max_length=60)


def serve_reports(app: FastAPI, ledger: LedgerReader, opener: ReportOpener | None) -> None:
    """Add the routes to ``app``; without ``opener`` what is sealed stays so."""

    @app.get("/v1/problems/{id}/reports", responses=answers(ShownReports), tags=["problems"])
    async def reports(id_: RecordId, asks: Asks) -> Response:
        """The reports of a problem, the first first, as they came; `seal` says how what is personal of each stands."""
        asks.must("see_history")
        record = await ledger.record(id_)
        hidden = record is not None and not asks.sees("see_history", record)
        if record is None or record.kind is not Kind.PROBLEM or hidden:
            raise unknown(Kind.PROBLEM, id_, denied="see_history" if hidden else None)
        filed = ShownReports(reports=[shown(report, opener) for report in await ledger.filed(id_)])
        return respond(asks, filed, headers=_NEVER_KEPT, deed="see_history", of=record)

    @app.post("/v1/reports/export", responses=answers(Export), tags=["problems"])
    async def export(of: Annotated[CodeOfReport, Body()]) -> Response:
        """All that is kept of a report and its reporter, and what became of it, by the code of its receipt alone."""
        try:
            handle = handle_of(of.code)
        except ValueError as error:
            raise Fault(400, "invalid", str(error), "code") from None
        receipt = await ledger.receipt(of.source, of.id)
        filed = await ledger.filed(receipt.problem_id) if receipt is not None and receipt.problem_id else []
        own = [each for each in filed if (each.filed.source, each.filed.id) == (of.source, of.id)]
        handles = {each.filed.report.reporter.handle for each in own} | {receipt.handle if receipt else None}
        if receipt is None or handle not in handles:
            say = "no report of this source and id has this code: one of them is wrong, or it came without a secret"
            raise Fault(404, "unknown_report", say)
        problem = await ledger.record(receipt.problem_id) if own and receipt.problem_id else None
        history = await ledger.history(problem.id) if problem is not None else None
        export_ = exported(
            receipt,
            shown(own[0], opener) if own else None,
            problem if isinstance(problem, Problem) else None,
            [line.event for line in history.lines] if history else [],
        )
        # Who has the code is the one whom it is about: nothing of it is masked.
        return Response(to_json(export_), headers=_NEVER_KEPT, media_type="application/json")
