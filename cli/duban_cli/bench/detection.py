"""The detector: readings of many stations that lie in the topic, judged by a few rules, as fast as one process can."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from duban.io.publisher import Publisher
from duban.messages.envelope import Message, Record, derived_text, encode
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.report import Report
from duban_cli.bench.costs import resident
from duban_cli.bench.workloads import Figures, Meter, Say, Void
from duban_cli.devices.series import load_series
from duban_cli.system import System, running
from duban_console.kafka.topic_reader import records
from duban_detector.domain.episode_reports import SOURCE
from duban_local import ROOT

_SERIES: Final = ROOT / "deploy/demo/hj212/air.csv"
_PACK: Final = Path(__file__).with_name("pack.yaml")
_OF_EACH: Final = "category: river, channel: hotline, basis: practice"
#: Four rules over six factors, two of them over each frame, a window, and silence.
_RULES: Final = f"""
detection:
  rules:
    - {{id: dust, title: {{en: Dust}}, factors: [a34004, a34002], span: hour, measured_in: ug/m3, when: {{above: 300}},
       raised_by: {{readings: 3}}, cleared_by: {{at: 250, readings: 2}}, {_OF_EACH}}}
    - {{id: share, title: {{en: Share}}, factors: [a34004], span: hour, measured_in: ug/m3, when: {{above: 250}},
       raised_by: {{readings: 6, share: 75, within: {{hours: 8}}}}, {_OF_EACH}}}
    - {{id: constant, title: {{en: Constant}}, factors: [a21026, a21004], span: hour, when: {{unchanged: 0}},
       raised_by: {{readings: 5}}, {_OF_EACH}}}
    - {{id: silent, title: {{en: Silent}}, when: {{silent: {{hours: 6}}}}, {_OF_EACH}}}
"""


async def detection(stations: int, rounds: int, say: Say) -> Figures:
    """So many stations, ``rounds`` times the hours of the series each; void unless every reading was judged."""
    with TemporaryDirectory(prefix="duban-bench-") as folder:
        pack = Path(folder) / "pack.yaml"
        pack.write_text(_PACK.read_text("utf-8") + _RULES, "utf-8")
        env = {"detector": {"DUBAN_LOG_LEVEL": "WARNING"}}
        publish = [pack, ROOT / "deploy/calendars/cn.yaml"]
        async with running(services=("detector",), publish=publish, env=env, say=say) as system:
            pid = {"detector": system.pids["detector"]}
            idle = resident(pid)["detector"]
            sent = _sent(stations, rounds)
            say("detector", f"{len(sent)} frames of {stations} stations")
            meter = Meter(system)
            publisher = Publisher(system.settings, "duban-bench")
            await publisher.start()
            meter.read()
            await publisher.publish(sent)
            judged = await _judged(system, len(sent))
            meter.read()
            await publisher.stop()
            reports = [raw async for raw in records(system.settings, [Report.TOPIC])]
    if judged != len(sent):
        raise Void(f"{len(sent)} sent, {judged} judged")
    if not reports or any(dict(raw.headers)["ce_source"] != SOURCE.encode() for raw in reports):
        raise Void("no episode was reported")
    return {
        **asdict(meter.figure(len(sent))), "stations": stations, "reports": len(reports), "idle_mb": idle,
    }  # fmt: skip


def _sent(stations: int, rounds: int) -> list[Record]:
    """The hours of the series, again and again, a station each; later rounds are later hours."""
    series = list(load_series(_SERIES).items())
    frames = []
    for again in range(rounds):
        for hour in range(min(len(hours) for _, hours in series)):
            for number in range(stations):
                name, hours = series[number % len(series)]
                at = hours[hour].at + again * timedelta(hours=len(hours))
                factors = tuple(
                    FactorReading(factor=measurement.factor, value=measurement.values["Avg"], flag="N")
                    for measurement in hours[hour].factors
                )
                mn = f"{name}-{number:04d}"
                data = StationReadings(
                    jurisdiction="bench", station=mn, site=name, protocol="bench", span="hour", at=at,
                    factors=factors, frame="",
                )  # fmt: skip
                id_ = derived_text("bench readings", mn, at)
                frames.append(encode(Message(id_, "duban/bench", mn, at, "bench", mn, data)))
    return frames


async def _judged(system: System, frames: int, within: float = 600.0) -> int:
    """How many readings were judged, once all are, or nothing more comes of it."""
    judged = 0.0
    async with asyncio.timeout(within):
        while judged < frames:
            await asyncio.sleep(0.1)
            judged = await asyncio.to_thread(_metric, f"{system.health['detector']}/metrics")
    return int(judged)


def _metric(url: str) -> float:
    from urllib.request import urlopen

    with urlopen(url) as answer:  # noqa: S310 - our own port
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("duban_detector_readings_total"))
