"""The table of access, cell by cell, as the API answers it: every route and every action, for every role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from duban.clock import DrivenClock
from duban.messages.commands import Command
from duban.messages.struct import plain
from duban.policy.library import Library
from duban_console.accounts.access import ANYBODY, ROUTES, SIGNED_IN, TABLE, THE_ACTION, Reach
from duban_console.accounts.account import OF_INSTALLATION, Appointment, Role
from duban_console.accounts.memory import MemoryAccounts
from duban_console.action import ACTIONS
from duban_console.api.app import create_app
from tests.accounts import AT, Room
from tests.contract.test_messages import MESSAGES
from tests.unit.test_api_access import OTHERS, OURS, Shelf

NEAR: Final = (Reach.OWN, Reach.CITY, Reach.ALL)


class City:
    """The API, somebody in every role, and a record of ours, of another unit and of another city."""

    def __init__(self, room: Room, shelf: Shelf, client: httpx2.AsyncClient) -> None:
        self.room, self.client, self.shelf = room, client, shelf
        self.tokens: dict[Role, str] = {}
        self.records = (shelf.put(OURS), shelf.put(OTHERS), shelf.put(OURS, "elsewhere"))

    async def settle(self) -> None:
        for role in Role:
            unit = None if role is Role.SOCIAL_SUPERVISOR else OURS
            where = {} if role in OF_INSTALLATION else {"jurisdiction": "linyi", "unit": unit}
            self.tokens[role] = await self.room.person(f"p-{role}", Appointment(role=role, **where))

    async def status(self, role: Role, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        headers = {"authorization": f"Bearer {self.tokens[role]}"}
        return (await self.client.request(method, path, headers=headers, json=body)).status_code


@pytest.fixture(scope="module")
async def city() -> AsyncIterator[City]:
    room, shelf = Room(MemoryAccounts(), DrivenClock(AT)), Shelf()
    ledger: Any = shelf
    app = create_app(ledger, ledger, room.clock, Library(), None, 100_000, room.door)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        made = City(room, shelf, client)
        await made.settle()
        yield made


def expected(deed: str, role: Role, near: Reach, allowed: int) -> int:
    """What is answered of a record as ``near`` as that to whoever has ``role``, and may or may not."""
    reach = TABLE[deed].get(role)
    if reach is None:
        return 403
    return allowed if NEAR.index(near) <= NEAR.index(reach) else 404


async def test_every_route_is_shut_to_every_role_that_does_not_have_its_deed_and_to_no_other(city: City) -> None:
    wrong = []
    for (method, path), deed in ROUTES.items():
        if deed in (ANYBODY, SIGNED_IN, THE_ACTION) or path.startswith("/v1/vault"):
            continue
        filled = path.replace("{id}", str(uuid4())).replace("{sha256}", "0" * 64).replace("{source}", "s")
        for role in Role:
            status = await city.status(role, method, filled, {} if method == "POST" else None)
            if (status == 403) is not (role not in TABLE[deed]) or status == 401:
                wrong.append((method, path, role.value, status))
    assert wrong == []


@pytest.mark.parametrize(
    ("deed", "path"),
    [("see_problem", "/v1/problems/{}"), ("see_history", "/v1/problems/{}/history"),
     ("see_unanswered", "/v1/problems/{}/unanswered")],
)  # fmt: skip
async def test_a_record_is_there_for_whom_the_table_says(city: City, deed: str, path: str) -> None:
    answers = {
        (role, near): await city.status(role, "GET", path.format(record.id))
        for role in Role
        for near, record in zip(NEAR, city.records, strict=True)
    }
    assert answers == {(role, near): expected(deed, role, near, 200) for role, near in answers}


@pytest.mark.parametrize("deed", ACTIONS)
async def test_an_action_is_taken_from_whom_the_table_says_and_goes_out_for_nobody_else(city: City, deed: str) -> None:
    command = MESSAGES[f"duban.command.{deed}"].data
    assert isinstance(command, Command)
    body = {**plain(command), "action": deed, "actor": {"unit": OURS}, "evidence": []}
    body = {name: value for name, value in body.items() if name != "evidence" or hasattr(command, "evidence")}
    city.shelf.sent.clear()
    answers = {
        (role, near): await city.status(role, "POST", f"/v1/problems/{record.id}/actions", body)
        for role in Role
        for near, record in zip(NEAR, city.records, strict=True)
    }
    assert answers == {(role, near): expected(deed, role, near, 202) for role, near in answers}
    assert len(city.shelf.sent) == list(answers.values()).count(202)
