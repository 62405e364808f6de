"""The routes of the API, over what they are given: the ledger's views, a publisher and a clock."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, FastAPI, Path, Response

from duban.clock import Clock
from duban.errors import Fault
from duban.io.evidence.reception import Reception
from duban.io.evidence.tus import upload_limit
from duban.io.faults import FAULTS, Faulty, answer_faults, only_json
from duban.io.http import GuardedAnswers
from duban.io.publisher import Publisher
from duban.policy.library import Library
from duban.refusal import Refusal
from duban_console.accounts.admission import Admission
from duban_console.action import Action, NewEntry, NewPledge, NewReading
from duban_console.api.answer import respond
from duban_console.api.asker import AccessGate, Asker, Asks, Denied, asker
from duban_console.api.browser import Browser
from duban_console.api.document import answers, describe
from duban_console.api.responses import ANSWERS, SOURCE, Decision, decision
from duban_console.api.routes.evidence import serve_evidence
from duban_console.api.routes.listings import serve_listings
from duban_console.api.routes.oidc import serve_oidc
from duban_console.api.routes.packs import serve_packs
from duban_console.api.routes.pledges import serve_pledges
from duban_console.api.routes.readings import serve_readings
from duban_console.api.routes.records import serve_records
from duban_console.api.routes.reports import serve_reports
from duban_console.api.routes.rewards import serve_rewards
from duban_console.api.routes.sessions import serve_sessions
from duban_console.api.submission import CommandDoor
from duban_console.ledger import LedgerReader
from duban_console.oidc.sign_on import SignOn
from duban_console.reports import ReportOpener
from duban_console.sealed_evidence import EvidenceOpener, FileOpener

_FAULTS: Final[dict[int | str, dict[str, Any]]] = {**FAULTS, 404: {"model": Faulty}, 409: {"model": Faulty}}


_CommandId = Annotated[str, Path(alias="id")]


class Openers(ReportOpener, FileOpener, Protocol):
    """Opens what is sealed of reports, and the files that they speak of."""


def create_app(
    ledger: LedgerReader,
    publisher: Publisher,
    clock: Clock,
    library: Library,
    reception: Reception | None,
    max_body: int,
    admission: Admission,
    report_keys: Openers | None = None,
    sign_on: SignOn | None = None,
    browser: Browser | None = None,
) -> FastAPI:
    """The API over the ledger's views, the topic of commands, the packs and the evidence store.

    It asks ``admission`` who comes, and holds them to the table of access. With ``report_keys`` it shows what is sealed
    of reports. With ``sign_on`` people also sign in by the provider of their city, in a ``browser``.
    """
    app = FastAPI(
        title="Duban: the API for actions",
        version="1",
        description=__doc__ or "",
        responses=_FAULTS,
        dependencies=[Depends(only_json), Depends(asker)],
    )
    browser = browser or Browser()
    app.state.gate = AccessGate(admission, sign_on, browser)
    answer_faults(app, max_body, partial(upload_limit, reception))
    app.add_middleware(GuardedAnswers)
    door = CommandDoor(ledger, publisher, reception.desk if reception else None)
    serve_sessions(app, admission, sign_on, browser)
    serve_oidc(app, admission, sign_on, browser)
    _commands(app, ledger)
    serve_listings(app, ledger, door, clock)
    serve_rewards(app, ledger, library)
    serve_pledges(app, door, clock)
    serve_readings(app, door, clock)
    serve_records(app, ledger, door, clock)
    serve_reports(app, ledger, report_keys)
    serve_packs(app, ledger, library, clock)
    serve_evidence(app, reception, EvidenceOpener(ledger, report_keys))
    describe(app, (*ANSWERS, NewEntry, NewPledge, NewReading, Action))
    return app


def _commands(app: FastAPI, ledger: LedgerReader) -> None:
    @app.get("/v1/commands/{id}", responses=answers(Decision), tags=["commands"])
    async def own_command(id_: _CommandId, asks: Asks) -> Response:
        """What came of a command that this API sent."""
        return await looked_up(SOURCE, id_, asks)

    @app.get("/v1/commands/{source:path}/{id}", responses=answers(Decision), tags=["commands"])
    async def command(source: str, id_: _CommandId, asks: Asks) -> Response:
        """What came of a command, whoever sent it; 200 also for a refusal, which is an outcome like any other."""
        return await looked_up(source, id_, asks)

    async def looked_up(source: str, id_: str, asks: Asker) -> Response:
        if "\0" in source + id_:
            raise Fault(400, "invalid", "an id carries no NUL", "id")
        outcome = await ledger.outcome(source, id_)
        record = None if outcome is None else await ledger.record(outcome.problem_id)
        hidden = record is not None and not asks.sees("see_command", record)
        if outcome is None or hidden:
            say = f"{source} has sent no command {id_}, or the router has not decided it yet"
            why = Refusal("unknown_command", say)
            raise Denied(404, "see_command", why) if hidden else Fault(404, why.code, why.reason)
        return respond(asks, decision(source, outcome, record), deed="see_command", of=record)
