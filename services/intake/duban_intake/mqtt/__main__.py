"""The gateway of MQTT as a process: ``python -m duban_intake.mqtt``."""

from __future__ import annotations

import asyncio
from typing import Final

from duban.io.secrets_file import SecretsFile
from duban.io.service import Shell, run_service
from duban.messages.readings import StationReadings
from duban.messages.report import Report
from duban_intake.gateway.batcher import Batching
from duban_intake.gateway.composition import report_door
from duban_intake.mqtt.door import MqttDoor
from duban_intake.mqtt.link import MqttLink
from duban_intake.mqtt.settings import MqttSettings
from duban_intake.store import SCHEMA

HEALTH_PORT: Final = 8351
#: Seconds for one try to publish; a message waits on, and the same is tried again.
_PATIENCE: Final = 10.0


async def compose(shell: Shell[MqttSettings]) -> None:
    """Wire the link to the sources and the broker."""
    settings = shell.settings
    batching = Batching(shell.publisher.publish, _PATIENCE, most_waiting=2 * settings.mqtt_in_flight)
    renewed = asyncio.Event()
    reports = await report_door(shell, batching.put, None, SecretsFile(None), changed=renewed.set)
    door = MqttDoor(reports, batching.put, shell.publisher.publish, settings.max_record_bytes)
    link = MqttLink(settings, door.take, door.renew, renewed, beside=batching)
    shell.health.check("listening", lambda: link.listening)
    shell.health.fact("broker of MQTT", lambda: link.state)
    shell.run(link)


if __name__ == "__main__":
    run_service(
        "mqtt",
        MqttSettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
        topics=[Report.TOPIC, StationReadings.TOPIC],
    )
