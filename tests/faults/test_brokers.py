"""Three brokers, of which the one that leads most is killed under load: nothing lost, doubled, early or missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from duban.io.broker import durability
from duban_cli.system import System
from duban_local import topics
from tests.faults.by_hand.brokers import kill, leaders
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine

pytestmark = pytest.mark.stack
REPORTS = 300
LIMIT = timedelta(seconds=3)


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[System]:
    """The engine on three brokers of its own, also in a run that uses another broker."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in ("DUBAN_KAFKA", "DUBAN_DATABASE"):
            environment.delenv(variable, raising=False)
        async with engine(brokers=3, first=LIMIT, second=LIMIT) as system:
            yield system


async def test_what_is_accepted_is_written_by_two_of_three(cluster: System) -> None:
    said = await durability(cluster.settings, [topic.name for topic in topics.declared()])
    assert said.endswith("accepted means written by 2 of 3 brokers at least")
    assert await topics.apply(cluster.kafka) == []


async def test_a_topic_of_three_replicas_is_made_safe_unless_it_says_itself(cluster: System) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.kafka)
    await admin.start()
    bare, bold = NewTopic("test.bare", 1, 3), NewTopic("test.bold", 1, 3, topic_configs={"min.insync.replicas": "1"})
    await admin.create_topics([bare, bold])
    await admin.close()
    changes = await topics.apply(cluster.kafka, [topics.Topic(name, 1, {}) for name in ("test.bare", "test.bold")])
    assert [(change.topic, change.detail) for change in changes] == [("test.bare", "min.insync.replicas: unset → 2")]


async def test_a_broker_that_is_lost_costs_nothing_that_was_accepted(cluster: System) -> None:
    leading = await leaders(cluster)
    lost = max(cluster.stack.brokers, key=lambda broker: leading[broker.node][0])
    load = Load(cluster)
    sending = asyncio.create_task(load.send(range(REPORTS), 50))
    await asyncio.sleep(1)  # the pace of the fault, not a wait for an outcome
    killed_at = await kill([lost])
    await asyncio.wait_for(sending, 300)
    assert load.acknowledged(killed_at) > REPORTS / 2, "the other two accepted what came after it"
    assert await all_lapsed(cluster, REPORTS, within=300)
    assert await account(cluster, load.sent)
