"""Reports that come with their files, in one request: a form whose field ``report`` is the report as JSON."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import orjson
from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Scope

from duban.errors import Fault
from duban.io.evidence.desk import EvidenceDesk, title_of
from duban.io.evidence.form_files import lay
from duban.io.evidence.reception import Reception
from duban.io.evidence.tus import upload_limit
from duban.io.faults import BodyLimit
from duban.messages.struct import plain
from duban_intake.gateway.responses import REPORTS_PATH

FORM: Final = "multipart/form-data"
_REPORT: Final = "report"
_EVIDENCE: Final = "evidence"
_MOST_FILES: Final = 50


def body_limit(reception: Reception | None, max_body: int, scope: Scope) -> BodyLimit | None:
    """How large a body may be that brings files."""
    if reception is not None and scope["path"] == REPORTS_PATH and _is_form(scope):
        most = reception.desk.most_bytes + max_body
        return BodyLimit(most, "DUBAN_EVIDENCE_MAX_BYTES", "upload the files first, each by itself")
    return upload_limit(reception, scope)


class ReportForm:
    """A form with a report and its files, taken apart; the files lie in the folder of :func:`form_in`."""

    def __init__(self, report: bytes, files: list[tuple[Path, str]]) -> None:
        self.report = report
        self._files = files

    async def sealed(self, desk: EvidenceDesk) -> bytes:
        """The report as JSON, with the files, which are in the store then, as evidence beside what it names itself.

        Raises:
            Fault: a file is not taken; the field says which.
            Unavailable: the store is away.
        """
        evidence = []
        for number, (file, name) in enumerate(self._files):
            try:
                sealed = await asyncio.to_thread(desk.take, file, title_of(name))
            except Fault as fault:
                where = f"{_EVIDENCE}.{number}"
                raise Fault(fault.status, fault.code, f"{name or 'the file'}: {fault}", where) from None
            evidence.append(plain(sealed.evidence))
        report = orjson.loads(self.report)
        return orjson.dumps({**report, _EVIDENCE: [*report.get(_EVIDENCE, []), *evidence]})


async def form_in(request: Request, folder: Path, most_report: int) -> ReportForm:
    """The form in the body of ``request``, its files in ``folder``.

    Raises:
        Fault: it cannot be read, or is no report with files.
    """
    try:
        form = await request.form(max_files=_MOST_FILES, max_fields=10, max_part_size=most_report)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise Fault(400, "invalid", f"the form cannot be read: {error.detail}") from None
    try:
        return await _taken_apart(form, folder)
    finally:
        await form.close()


async def _taken_apart(form: FormData, folder: Path) -> ReportForm:
    if unknown := sorted(set(form) - {_REPORT, _EVIDENCE}):
        say = f"is no field of this form: send the report as JSON in `{_REPORT}`, and each file in `{_EVIDENCE}`"
        raise Fault(400, "invalid", say, unknown[0])
    reports = form.getlist(_REPORT)
    if len(reports) != 1:
        raise Fault(400, "invalid", "is missing, or stands twice: it is the report as JSON", _REPORT)
    files = []
    for number, part in enumerate(form.getlist(_EVIDENCE)):
        if not isinstance(part, UploadFile):
            raise Fault(400, "invalid", "is a text: send a file, or name evidence in the report", _EVIDENCE)
        place = folder / str(number)
        await lay(part, place)
        files.append((place, part.filename or ""))
    report = reports[0]
    return ReportForm(await report.read() if isinstance(report, UploadFile) else report.encode(), files)


def _is_form(scope: Scope) -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"")
    return bool(kind.partition(b";")[0].strip().lower() == FORM.encode())
