"""The detector as a process: ``python -m duban_detector``."""

from __future__ import annotations

from typing import Final

from duban.io.feeds import follow_clock, follow_packs
from duban.io.service import Shell, run_service
from duban.messages.readings import StationReadings
from duban.messages.report import Report
from duban_detector.handlers import ReadingHandler
from duban_detector.settings import DetectorSettings
from duban_detector.surge_watch import SurgeWatch
from duban_detector.worker import MEMORY_TOPIC, DetectorApp

HEALTH_PORT: Final = 8304


async def compose(shell: Shell[DetectorSettings]) -> None:
    """Wire the handler to Faust's streams, once the packs published so far are known."""
    library = await follow_packs(shell)
    clock = await follow_clock(shell)
    handler = ReadingHandler(library, clock)
    app = DetectorApp(shell.settings, handler, shell.publisher)
    shell.health.check(f"assigned {app.group}", lambda: app.ready)
    shell.run(app)
    shell.run(SurgeWatch(shell.settings, library, clock, shell.publisher))


if __name__ == "__main__":
    topics = [StationReadings.TOPIC, Report.TOPIC, MEMORY_TOPIC]
    run_service("detector", DetectorSettings, compose, health_port=HEALTH_PORT, topics=topics)
