"""Rewards as the engine owes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban_cli.system import System


async def owe(system: System, problem: Mapping[str, Any], handle: str) -> str:
    """Have a reward of the class ``tip`` owed for ``problem`` to whoever has the code of ``handle``; its id."""
    cause = do.Cause(problem_id=UUID(problem["id"]), number=problem["number"], version=1, pack=problem["pack"])
    owed = do.Reward(actor=do.Actor(unit=do.ENGINE), reward="tip", cause=cause, handle=handle)
    id_ = str(uuid4())
    publisher = Publisher(system.settings, "test")
    await publisher.start()
    await publisher.publish([encode(Message(id_, "test", id_, datetime.now(UTC), "smallville", id_, owed))])
    await publisher.stop()
    return id_
