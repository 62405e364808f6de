"""Many devices at once, each on a connection of its own, and what came of what they sent."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from duban_cli.devices.device import SendTally, SimulatedDevice, frames
from duban_cli.devices.series import Hour


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many devices that play ``series``, a station each, and the first again when there are more devices than those.

    ``interval``: seconds from one frame of a device to its next.
    """

    series: Mapping[str, Sequence[Hour]]
    devices: int
    interval: float
    password: str
    patience: float

    def mns(self) -> list[str]:
        """The MN of each device: its station and a number, STATION-0001, the next round of them 0002."""
        stations = list(self.series)
        return [f"{stations[n % len(stations)]}-{n // len(stations) + 1:04d}" for n in range(self.devices)]

    async def play(
        self, host: str, port: int, begun: datetime, most: int | None, tally: SendTally | None = None
    ) -> SendTally:
        """What came of it, once each has sent its series, or ``most`` frames of it; ``tally`` counts meanwhile."""
        allow_files(self.devices)
        total = SendTally() if tally is None else tally

        async def send(mn: str, hours: Sequence[Hour]) -> None:
            device = SimulatedDevice(host, port, self.patience, tally=total)
            for frame in islice(frames(mn, hours, self.password, None, begun), most):
                await device.send(frame)
                await asyncio.sleep(self.interval)
            await device.close()

        async with asyncio.TaskGroup() as group:
            for mn in self.mns():
                group.create_task(send(mn, self.series[mn.rpartition("-")[0]]))
        return total

    def registry(self, jurisdiction: str) -> str:
        """The registry of these devices, as YAML."""
        lines = [
            f'  - {{mn: "{mn}", site: "{mn.rpartition("-")[0]}", password: "{self.password}"}}' for mn in self.mns()
        ]
        return "\n".join([f'jurisdiction: "{jurisdiction}"', "devices:", *lines]) + "\n"


def allow_files(connections: int) -> None:
    """Have the system allow so many open connections, as far as it does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + 200
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
