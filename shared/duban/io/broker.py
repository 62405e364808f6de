"""How to reach Kafka, and how durable an accepted record is there."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from duban.errors import Unavailable

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: Nobody here reads what a transaction has not committed: aborted, it never was.
COMMITTED: Final = "read_committed"


def connection(settings: Settings, client_id: str) -> dict[str, Any]:
    """The arguments that every Kafka client of a service takes."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": client_id,
        "security_protocol": settings.kafka_security,
        # A half-open connection is noticed after this, not after aiokafka's 40 s.
        "request_timeout_ms": int(settings.publish_timeout * 1000),
    }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca)
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_mechanism
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    return options


async def durability(settings: Settings, topics: Iterable[str]) -> str:
    """What an ack means for ``topics``: the weakest replication among them, in words for ``/readyz``.

    Raises:
        Unavailable: naming a topic that is not there (yet).
    """
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    names = sorted(topics)
    admin = AIOKafkaAdminClient(**connection(settings, "duban-durability"))
    await admin.start()
    try:
        replicas = []
        for topic in await admin.describe_topics(names):
            if topic["error_code"]:
                raise Unavailable(f"topic {topic['topic']} is not there; create it")
            replicas += [len(partition["replicas"]) for partition in topic["partitions"]]
        if min(replicas, default=1) == 1:
            return "single broker: accepted means written by that broker"
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        replies: list[Any] = await admin.describe_configs(resources)
        entries = [entry for reply in replies for resource in reply.resources for entry in resource[4]]
        in_sync = min((int(entry[1]) for entry in entries if entry[0] == "min.insync.replicas"), default=1)
        return f"acks=all, replication factor {min(replicas)}, min.insync.replicas {in_sync}"
    finally:
        await admin.close()
