"""Monitors: so many devices of HJ 212 connected at once, each sending its next frame when the last one is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from duban.messages.readings import StationReadings
from duban_cli.bench.costs import resident
from duban_cli.bench.workloads import Figures, Meter, Say, Void
from duban_cli.devices.device import SendTally, SimulatedDevice, frames
from duban_cli.devices.fleet import Fleet, allow_files
from duban_cli.devices.series import Hour, load_series
from duban_cli.system import running
from duban_console.kafka.topic_reader import records
from duban_local import ROOT

_SERIES: Final = ROOT / "deploy/demo/hj212/air.csv"
_PASSWORD: Final = "123456"  # noqa: S105 - of devices that are not there
#: As many connect at once as a listening socket lets wait.
_AT_ONCE: Final = 200


async def monitors(connections: int, frames_each: int, say: Say) -> Figures:
    """The gateway of HJ 212 with so many connections; void unless every frame was answered and is on the topic once."""
    fleet = Fleet(load_series(_SERIES), connections, 0, _PASSWORD, 30)
    allow_files(connections)
    with TemporaryDirectory(prefix="duban-bench-") as folder:
        devices = Path(folder) / "devices.yaml"
        devices.write_text(fleet.registry("bench"), "utf-8")
        env = {"hj212": {"DUBAN_HJ212_DEVICES": str(devices), "DUBAN_LOG_LEVEL": "WARNING"}}
        async with running(services=("hj212",), publish=(), env=env, say=say) as system:
            pid = {"hj212": system.pids["hj212"]}
            idle = resident(pid)["hj212"]
            port = int(system.urls["hj212"].rpartition(":")[2])
            tally = SendTally()
            monitors = [SimulatedDevice("127.0.0.1", port, 30, tally=tally) for _ in range(connections)]
            say("hj212", f"{connections} connections, {frames_each} frames each")
            begun = time.perf_counter()
            await _connected(monitors)
            connected_s = time.perf_counter() - begun
            held = resident(pid)["hj212"]
            meter = Meter(system)
            meter.read()
            await _sent(monitors, fleet, frames_each)
            meter.read()
            for monitor in monitors:
                await monitor.close()
            ids = [dict(raw.headers)["ce_id"] async for raw in records(system.settings, [StationReadings.TOPIC])]
    sent = connections * frames_each
    if (tally.answered, len(ids), len(set(ids))) != (sent, sent, sent):
        raise Void(
            f"{sent} sent, {tally.answered} answered, {len(ids)} on the topic, {len(set(ids))} of them different"
        )
    waits = sorted(tally.seconds)
    return {
        **asdict(meter.figure(sent)),
        "connections": connections,
        "connected_s": round(connected_s, 2),
        "idle_mb": idle,
        "connected_mb": held,
        "answer_p50_ms": round(waits[len(waits) // 2] * 1000, 1),
        "answer_p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1),
    }


async def _connected(monitors: Sequence[SimulatedDevice]) -> None:
    waiting = iter(monitors)
    while some := list(islice(waiting, _AT_ONCE)):
        await asyncio.gather(*(monitor.connect() for monitor in some))


async def _sent(monitors: Sequence[SimulatedDevice], fleet: Fleet, frames_each: int) -> None:
    begun = datetime.now(UTC)

    async def send(monitor: SimulatedDevice, mn: str, hours: Sequence[Hour]) -> None:
        repeated = [*hours] * (frames_each // len(hours) + 1)
        for frame in islice(frames(mn, repeated, _PASSWORD, None, begun), frames_each):
            await monitor.send(frame)

    async with asyncio.TaskGroup() as group:
        for monitor, mn in zip(monitors, fleet.mns(), strict=True):
            group.create_task(send(monitor, mn, fleet.series[mn.rpartition("-")[0]]))
