"""Three brokers, of which the one that leads most is killed under load: nothing lost, doubled, early or missing."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from duban.io.broker import durability
from tests.faults.by_hand.brokers import kill, leaders
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine

pytestmark = pytest.mark.stack
REPORTS = 300
LIMIT = timedelta(seconds=3)


async def test_a_broker_that_is_lost_costs_nothing_that_was_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DUBAN_KAFKA", "DUBAN_DATABASE"):
        monkeypatch.delenv(variable, raising=False)
    async with engine(brokers=3, first=LIMIT, second=LIMIT) as system:
        said = await durability(system.settings, ["duban.reports.v1", "duban.commands.v1"])
        assert said.endswith("accepted means written by 2 of 3 brokers at least")
        leading = await leaders(system)
        lost = max(system.stack.brokers, key=lambda broker: leading[broker.node][0])
        assert leading[lost.node][0] > 0, "it has work to lose"
        load = Load(system)
        sending = asyncio.create_task(load.send(range(REPORTS), 50))
        await asyncio.sleep(1)  # the pace of the fault, not a wait for an outcome
        killed_at = await kill([lost])
        await sending
        assert load.acknowledged(killed_at) > REPORTS / 2, "what came after it was accepted by the two others"
        assert killed_at < time.monotonic()
        assert await all_lapsed(system, REPORTS)
        assert await account(system, load.sent)
        assert system.stack.pids.keys() == {"kafka-1", "kafka-2", "kafka-3", "postgres"}
