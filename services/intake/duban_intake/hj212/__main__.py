"""The gateway of HJ 212 as a process: ``python -m duban_intake.hj212``."""

from __future__ import annotations

from typing import Final

from duban.io.service import Shell, run_service
from duban.messages.readings import StationReadings
from duban_intake.gateway.batcher import Batching
from duban_intake.hj212.door import Door
from duban_intake.hj212.register_file import RegisterFile
from duban_intake.hj212.settings import Hj212Settings

HEALTH_PORT: Final = 8341
#: Seconds for one try to publish; a device waits on, and the same is tried again.
_PATIENCE: Final = 10.0


async def compose(shell: Shell[Hj212Settings]) -> None:
    """Wire the door to the registry and the broker."""
    settings = shell.settings
    register = RegisterFile(settings.hj212_devices)
    batching = Batching(shell.publisher.publish, _PATIENCE, most_waiting=settings.hj212_max_connections)
    door = Door(settings, lambda: register.registry, batching.put, shell.publisher.publish, beside=batching)
    shell.health.check("listening", lambda: door.listening)
    shell.health.fact("devices", lambda: f"{len(register.registry)} registered, {door.connected} connected")
    shell.run(door)
    shell.run(register)


if __name__ == "__main__":
    run_service("hj212", Hj212Settings, compose, health_port=HEALTH_PORT, topics=[StationReadings.TOPIC])
