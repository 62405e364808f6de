"""``duban detect``: what a pack's rules find in readings, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json

if TYPE_CHECKING:
    from duban.messages.readings import StationReadings
    from duban_detector.domain.episode import Happening


class SpanName(StrEnum):
    """Over which span the values of a file were taken."""

    MOMENT = "moment"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@command
async def detect(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or JSON: station, time, factor, value; or .jsonl as `duban tail readings --json` writes it.",
            exists=True,
            dir_okay=False,
        ),
    ],
    pack: Annotated[Path, typer.Option(help="The pack whose rules count.", exists=True, dir_okay=False)],
    span: Annotated[SpanName, typer.Option(help="Over which span the values were taken.")] = SpanName.HOUR,
    system: Annotated[str | None, typer.Option(help="The system of the stations, as ST of HJ 212.")] = None,
    as_json: AsJson = False,
) -> None:
    """What the rules of a pack find in readings from a file: the episodes that the detector reports of the same.

    Readings are taken in the order of the file, as those of the pack's city; nothing is published.

    Example: duban detect readings.csv --pack deploy/packs/mianyang-2022.yaml
    """
    from duban_console.packs import publication
    from duban_detector.domain.evaluation import evaluated

    loaded = publication.load(pack)
    detection = getattr(loaded, "detection", None)
    if detection is None or not detection.rules:
        fail(ExitCode.USAGE, f"{pack} has no rules of detection: see `detection` in docs/writing-a-pack.md")
    city = getattr(loaded, "jurisdiction", "")
    messages = file.suffix == ".jsonl"
    arrived = _sent(file, city) if messages else ((data, data.at) for data in _measured(file, city, span, system))
    happenings = evaluated(list(arrived), {city: detection.rules})
    titles = {rule.id: rule.title.native for rule in detection.rules}
    episodes = list(_episodes(happenings))
    if as_json:
        for episode in episodes:
            write_json(episode)
    else:
        _tell(episodes, titles)
    err().print(f"{len(episodes)} episodes")


def _measured(file: Path, city: str, span: SpanName, system: str | None) -> Iterator[StationReadings]:
    from duban.messages.readings import FactorReading, StationReadings
    from duban_cli.devices.series import load_series

    for station, hours in load_series(file).items():
        for hour in hours:
            factors = tuple(
                FactorReading(factor=measurement.factor, value=measurement.values["Avg"])
                for measurement in hour.factors
            )
            yield StationReadings(
                jurisdiction=city, station=station, site=station, protocol="file", span=span.value, at=hour.at,
                factors=factors, frame="", system=system,
            )  # fmt: skip


def _sent(file: Path, city: str) -> Iterator[tuple[StationReadings, Any]]:
    """Messages of the topic, each with the instant of the broker where it is written there."""
    import msgspec
    import orjson

    from duban.messages.readings import StationReadings
    from duban.messages.struct import from_data, replace

    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                event = orjson.loads(line)
                data = replace(from_data(event["data"], StationReadings), jurisdiction=city)
                yield data, data.at
            except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
                fail(ExitCode.USAGE, f"{file}, line {number}: no message of readings: {error}")


def _episodes(happenings: list[Happening]) -> Iterator[dict[str, Any]]:
    """Each episode as it was when last told of, in the order of their beginnings."""
    from duban_detector.domain.episode import EpisodeTurn
    from duban_detector.domain.episode_reports import episode_id

    last: dict[str, Happening] = {}
    for happening in happenings:
        last[episode_id(happening.station, happening.episode)] = happening
    for id_, happening in sorted(
        last.items(), key=lambda last_of: (last_of[1].episode.begun_at, last_of[1].station.station)
    ):
        episode = happening.episode
        yield {
            "id": id_, "rule": episode.rule, "station": happening.station.station, "factor": episode.factor,
            "begun_at": episode.begun_at.isoformat(), "found_at": episode.raised_at.isoformat(),
            "ended_at": happening.at.isoformat() if happening.turn is EpisodeTurn.OVER else None,
            "readings": episode.readings, "worst": episode.worst,
        }  # fmt: skip


def _tell(episodes: list[dict[str, Any]], titles: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("rule", "station", "factor", "begun", "found", "over", "readings", "worst"):
        table.add_column(title)
    for episode in episodes:
        worst = "" if episode["worst"] is None else f"{episode['worst']:g}"
        cells = (
            titles[episode["rule"]], episode["station"], episode["factor"], episode["begun_at"][:16],
            episode["found_at"][:16], (episode["ended_at"] or "lasts")[:16], str(episode["readings"]), worst,
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    out().print(table)
