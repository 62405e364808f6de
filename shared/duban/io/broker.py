"""How to reach Kafka, and how durable an accepted record is there."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from duban.io.settings import Settings


def connection(settings: Settings, client_id: str) -> dict[str, Any]:
    """The arguments that every Kafka client of a service takes."""
    found: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": client_id,
        "security_protocol": settings.kafka_security,
        # A half-open connection is noticed after this, not after aiokafka's 40 s.
        "request_timeout_ms": int(settings.publish_timeout * 1000),
    }
    if settings.kafka_security.endswith("SSL"):
        found["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca)
    if settings.kafka_security.startswith("SASL"):
        found["sasl_mechanism"] = settings.kafka_mechanism
        found["sasl_plain_username"] = settings.kafka_user
        found["sasl_plain_password"] = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    return found


async def durability(settings: Settings, topics: Iterable[str]) -> str:
    """What an ack means for ``topics``: the weakest replication among them, in words for ``/readyz``."""
    names = sorted(topics)
    admin = AIOKafkaAdminClient(**connection(settings, "duban-durability"))
    await admin.start()
    try:
        described = await admin.describe_topics(names)
        replicas = min((len(part["replicas"]) for topic in described for part in topic["partitions"]), default=0)
        if replicas <= 1:
            return "single broker: accepted means written by that broker"
        configs = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
        in_sync = min(
            (
                int(entry[1])
                for reply in configs
                for item in reply.resources
                for entry in item[4]
                if entry[0] == "min.insync.replicas"
            ),
            default=1,
        )
        return f"acks=all, replication factor {replicas}, min.insync.replicas {in_sync}"
    finally:
        await admin.close()
