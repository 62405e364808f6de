"""The route by which a pledge of an enterprise is entered."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from duban.clock import Clock
from duban_console.action import NewPledge, action_message, new_pledge
from duban_console.api.asker import Asks
from duban_console.api.document import answers, body
from duban_console.api.responses import SOURCE, Accepted, Decision
from duban_console.api.submission import CommandDoor, IdempotencyKey, Wait, answered, command_id


def serve_pledges(app: FastAPI, door: CommandDoor, clock: Clock) -> None:
    """Add the route to ``app``."""

    @app.post("/v1/pledges", status_code=202, responses=answers(Accepted, Decision, status=202), tags=["duties"],
              openapi_extra=body(NewPledge))  # fmt: skip
    async def pledge(request: Request, asks: Asks, wait: Wait = 0, idempotency_key: IdempotencyKey = None) -> Response:
        """Enter what an enterprise has pledged: a duty with a day of its own; the same id is the same."""
        with answered():
            new = new_pledge(await request.body())
        id_ = command_id(new.id, idempotency_key)
        message = action_message(
            asks.acting("pledge", new.command, jurisdiction=new.jurisdiction),
            id_=id_,
            problem_id=new.record_id(id_),
            jurisdiction=new.jurisdiction,
            source=SOURCE,
            at=clock.now(),
        )
        return await door.send(message, wait, asks, "pledge")
