"""The route by which a reading of a target is entered."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from duban.clock import Clock
from duban_console.action import NewReading, action_message, new_reading
from duban_console.api.asker import Asks
from duban_console.api.document import answers, body
from duban_console.api.responses import SOURCE, Accepted, Decision
from duban_console.api.submission import CommandDoor, IdempotencyKey, Wait, answered, command_id


def serve_readings(app: FastAPI, door: CommandDoor, clock: Clock) -> None:
    """Add the route to ``app``."""

    @app.post("/v1/readings", status_code=202, responses=answers(Accepted, Decision, status=202), tags=["readings"],
              openapi_extra=body(NewReading))  # fmt: skip
    async def take(request: Request, asks: Asks, wait: Wait = 0, idempotency_key: IdempotencyKey = None) -> Response:
        """Enter what the indicator of a target came to on a day; once entered it stays, and a correction is another."""
        with answered():
            reading = new_reading(await request.body())
        message = action_message(
            asks.acting("take_reading", reading.command, jurisdiction=reading.jurisdiction),
            id_=command_id(reading.id, idempotency_key),
            problem_id=reading.record_id(reading.jurisdiction),
            jurisdiction=reading.jurisdiction,
            source=SOURCE,
            at=clock.now(),
        )
        return await door.send(message, wait, asks, "take_reading")
