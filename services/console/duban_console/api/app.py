"""The routes of the API, over what they are given: the ledger's views, a publisher and a clock."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body, Depends, FastAPI, Query
from fastapi.responses import JSONResponse

from duban.clock import Clock
from duban.errors import Fault
from duban.io.faults import FAULTS, Faulty, answer_faults, only_json
from duban.io.publisher import Publisher
from duban.messages.problem import Problem
from duban.moves import Kind, Stage, Status
from duban.policy.library import Library
from duban_console.action import Action, action_message, command_of, field_of
from duban_console.api.responses import (
    SOURCE,
    Accepted,
    Decision,
    Problems,
    Told,
    as_json,
    decision,
    told,
)
from duban_console.api.routes.listings import serve_listings
from duban_console.api.routes.rewards import serve_rewards
from duban_console.api.submission import IdempotencyKey, Wait, command_id, sent
from duban_console.ledger import BadCursor, Filters, Reading

_FAULTS: Final[dict[int | str, dict[str, Any]]] = {**FAULTS, 404: {"model": Faulty}, 409: {"model": Faulty}}


def create_app(reading: Reading, publisher: Publisher, clock: Clock, library: Library, max_body: int) -> FastAPI:
    """The API over the ledger's views, the topic of commands and the packs."""
    app = FastAPI(
        title="Duban: the API for actions",
        version="1",
        description=__doc__ or "",
        responses=_FAULTS,
        dependencies=[Depends(only_json)],
    )
    answer_faults(app, max_body, field_of)
    _actions(app, reading, publisher, clock)
    _commands(app, reading)
    _problems(app, reading, clock)
    serve_listings(app, reading, publisher, clock)
    serve_rewards(app, reading, library)
    return app


def _actions(app: FastAPI, reading: Reading, publisher: Publisher, clock: Clock) -> None:
    @app.post(
        "/v1/problems/{problem_id}/actions", status_code=202, response_model=Accepted | Decision, tags=["actions"]
    )
    async def act(
        problem_id: UUID,
        action: Annotated[Action, Body()],
        wait: Wait = 0,
        idempotency_key: IdempotencyKey = None,
    ) -> JSONResponse:
        """Send an action; the same id sent again is the same action, and has the same outcome."""
        command, chosen = command_of(action)
        id_ = command_id(chosen, idempotency_key)
        problem = await _found(reading, problem_id)
        message = action_message(
            command,
            id_=id_,
            problem_id=problem_id,
            jurisdiction=problem.jurisdiction,
            source=SOURCE,
            at=clock.now(),
        )
        return await sent(message, reading, publisher, wait)


def _commands(app: FastAPI, reading: Reading) -> None:
    @app.get("/v1/commands/{id_}", response_model=Decision, tags=["commands"])
    async def own_command(id_: str) -> JSONResponse:
        """What came of a command that this API sent."""
        return await looked_up(SOURCE, id_)

    @app.get("/v1/commands/{source:path}/{id_}", response_model=Decision, tags=["commands"])
    async def command(source: str, id_: str) -> JSONResponse:
        """What came of a command, whoever sent it; 200 also for a refusal, which is an outcome like any other."""
        return await looked_up(source, id_)

    async def looked_up(source: str, id_: str) -> JSONResponse:
        if "\0" in source + id_:
            raise Fault(400, "invalid", "an id carries no NUL", "id")
        outcome = await reading.outcome(source, id_)
        if outcome is None:
            raise Fault(
                404, "unknown_command", f"{source} has sent no command {id_}, or the router has not decided it yet"
            )
        problem = await reading.problem(outcome.problem_id)
        return JSONResponse(as_json(decision(source, outcome, problem)))


def _problems(app: FastAPI, reading: Reading, clock: Clock) -> None:
    @app.get("/v1/problems", response_model=Problems, tags=["problems"])
    async def problems(
        jurisdiction: str | None = None,
        status: Status | None = None,
        stage: Stage | None = None,
        lead_unit: str | None = None,
        category: str | None = None,
        kind: Annotated[Kind | None, Query(description="Only problems, duties, listings or rewards")] = None,
        channel: str | None = None,
        enterprise: Annotated[str | None, Query(description="Only what this enterprise was reported for")] = None,
        sponsor: Annotated[str | None, Query(description="Only what this leader has taken")] = None,
        overdue: Annotated[bool, Query(description="Only open problems with a time limit that has passed")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> JSONResponse:
        """Problems, and what the calendar and measures have opened beside them, in the order of their beginning."""
        statuses, overdue_at = (status,) if status else (), clock.now() if overdue else None
        filters = Filters(
            jurisdiction, statuses, stage, lead_unit, category, overdue_at, kind, channel, enterprise, sponsor
        )
        for name in ("jurisdiction", "lead_unit", "category", "channel", "enterprise", "sponsor"):
            if "\0" in (getattr(filters, name) or ""):
                raise Fault(400, "invalid", "a filter carries no NUL", name)
        try:
            page = await reading.page(filters, limit, cursor)
        except BadCursor as error:
            raise Fault(400, "invalid", str(error), "cursor") from None
        return JSONResponse(as_json(Problems(problems=page.problems, cursor=page.cursor)))

    @app.get("/v1/problems/{problem_id}", response_model=Problem, tags=["problems"])
    async def problem(problem_id: UUID) -> JSONResponse:
        """A problem as it stands after its latest event, with what is due."""
        return JSONResponse(as_json(await _found(reading, problem_id)))

    @app.get("/v1/problems/{problem_id}/history", response_model=Told, tags=["problems"])
    async def history(problem_id: UUID) -> JSONResponse:
        """Every event with who, when and why; `verified` says whether the chain of hashes recomputes."""
        found = await reading.history(problem_id)
        if found is None:
            raise _unknown(problem_id)
        return JSONResponse(as_json(told(str(problem_id), found)))


async def _found(reading: Reading, problem_id: UUID) -> Problem:
    problem = await reading.problem(problem_id)
    if problem is None:
        raise _unknown(problem_id)
    return problem


def _unknown(problem_id: UUID) -> Fault:
    return Fault(404, "unknown_problem", f"no problem {problem_id} stands in the ledger", "id")
