"""A command of a person on its way through the API, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from rich.markup import escape

from duban.moves import Kind
from duban_cli.identity import Server, words_of
from duban_cli.ledger_views import read_from
from duban_cli.output import ExitCode, err, fail, out, shown_at, write_json
from duban_cli.zones import zones
from duban_console.api.responses import PATHS, SOURCE

#: So long the API waits for an outcome at most; whoever waits longer asks for it.
_MOST_WAIT: Final = 30.0
_EVERY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Submitted:
    """A command that the broker has; ``decision`` is what came of it, as the API tells it, where that is known."""

    id: str
    decision: Mapping[str, Any] | None
    alike: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def record(self) -> Mapping[str, Any] | None:
        """The record as it stands after the command was carried out."""
        decision = self.decision or {}
        return next((decision[kind] for kind in Kind if kind in decision), None)


def actor(api: Server, unit: str) -> dict[str, str]:
    """Who acts for ``unit``, as a command says it; where it says nobody, the API writes who is signed in."""
    return {"unit": unit, **({"person": api.who.person} if api.who.person else {})}


async def path_of(api: Server, name: str) -> str:
    """The path of the record ``name``, its id or its number; ends the command when there is none, or more than one."""
    records = (await api.asked("GET", "/v1/records", params={"name": name})).document["records"]
    if len(records) > 1:
        ids = ", ".join(str(record["id"]) for record in records)
        fail(ExitCode.CONFLICT, f"the number {name} stands in {len(records)} jurisdictions: {ids}")
    if records:
        return f"{PATHS[Kind(records[0]['kind'])]}/{records[0]['id']}"
    try:  # one that is not shown may still be for whoever decides on it
        return f"{PATHS[Kind.PROBLEM]}/{UUID(name)}"
    except ValueError:
        fail(ExitCode.NOT_FOUND, f"no problem {name} stands in the ledger, or none that is yours")


async def submitted(api: Server, path: str, body: Mapping[str, Any], wait: float) -> Submitted:
    """Send the command in ``body``; what came of it, if that stands in the ledger within ``wait`` seconds.

    Ends the command where it is not accepted.
    """
    sent = {**body, "id": body.get("id") or str(uuid4())}
    longest = min(wait, _MOST_WAIT)
    query = {"wait": longest} if longest else {}
    answer = await api.asked("POST", path, params=query, json=sent, also=(409,), patience=longest)
    document = answer.document
    if answer.status == 202:
        decision = await _awaited(api, sent["id"], wait - longest) if wait > longest else None
    elif "status" in document:
        decision = document
    else:  # 409 for what no router has decided: an id that is taken, evidence that is not in the store
        fail(ExitCode.CONFLICT, words_of(document) or f"the API answers {answer.status}")
    return Submitted(sent["id"], decision, document.get("alike", []))


async def _awaited(api: Server, id_: str, seconds: float) -> Mapping[str, Any] | None:
    """The outcome as soon as it stands in the ledger; None when ``seconds`` pass without it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        answer = await api.asked("GET", f"/v1/commands/{SOURCE}/{id_}", also=(404,))
        if answer.status == 200:
            decision: Mapping[str, Any] = answer.document
            return decision
        if loop.time() >= until:
            return None
        await asyncio.sleep(_EVERY)


async def tell(name: str, done: Submitted, wait: float, *, jurisdiction: str, utc: bool, as_json: bool) -> None:
    """Say what came of the command ``name``, and end with the code for it."""
    decision = done.decision
    more = {"alike": done.alike} if done.alike else {}
    if decision is None:
        if as_json:
            write_json({"command": done.id, "status": "accepted", **more})
        if wait:
            say = f"{name} is with the broker as {done.id}, but the router has not decided it yet"
            fail(ExitCode.UNAVAILABLE, say)
        err().print(f"{name} accepted as {escape(done.id)}")
        return
    if (refused := decision.get("refused")) is not None:
        if as_json:
            write_json({"command": done.id, "status": "refused", "refused": refused, **more})
        fail(ExitCode.CONFLICT, f"refused ({refused['code']}): {refused['reason']}")
    events = decision["events"]
    if as_json:
        bodies = [_body(event, decision["problem_id"]) for event in events]
        write_json({"command": done.id, "status": "done", "events": bodies, **more})
        return
    zone = await _zone(jurisdiction, utc=utc)
    for event in events:
        at = shown_at(datetime.fromisoformat(event["at"]), zone, "seconds")
        out().print(f"[green]✓[/] {escape(event['change']['kind'])} (version {event['version']}) at {at}")


def say_number(done: Submitted) -> None:
    """Under which number stands what the command has begun."""
    if done.record is not None:
        err().print(f"as {escape(str(done.record['number']))}")


def _body(event: Mapping[str, Any], problem_id: str) -> dict[str, Any]:
    """``event`` as it stands in the ledger: what is chained is no part of it, and what is not said is left out."""
    body = {name: value for name, value in event.items() if name != "hash" and (name, value) != ("reason", "")}
    return {"problem_id": problem_id, **body}


async def _zone(jurisdiction: str, *, utc: bool) -> ZoneInfo | None:
    """The zone of the city; none where no broker is known from which its pack could be read."""
    return (await zones(read_from(), utc=utc)).get(jurisdiction)
