"""``duban sim``: devices that are not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_local import ROOT

if TYPE_CHECKING:
    from duban_cli.devices.device import SendTally

sim_app = typer.Typer(no_args_is_help=True, help="Devices that are not there: they send what others have measured.")

_SERIES: Final = ROOT / "deploy/demo/hj212/air.csv"

#: What the registry beside that series has.
_PASSWORD: Final = "123456"  # noqa: S105 - of devices that are not there


@sim_app.callback()
def _group() -> None:
    """Keep the name of the protocol as a word of its own."""


@sim_app.command("hj212")
@command
async def hj212(
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON: station, time, factor, value.", exists=True, dir_okay=False)
    ] = _SERIES,
    to: Annotated[str, typer.Option(help="The gateway, HOST:PORT.")] = "127.0.0.1:8340",
    devices: Annotated[int | None, typer.Option(min=1, help="How many; one a station, if not given.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="How many frames each sends; all, if not given.")] = None,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between two frames of a device.")] = 0.0,
    password: Annotated[str, typer.Option(help="The PW of the frames.")] = _PASSWORD,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds that a device waits for its answer.")] = 10.0,
    registry: Annotated[
        Path | None, typer.Option(help="Write the registry of these devices to this file, and send nothing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play what stations have measured as devices of HJ 212, and count what was answered; 1 when something was not.

    Each device has a connection of its own, sends an hour as a frame (CN 2061), waits for 9014, and sends the same
    again three times without it, as the standard has it. The MN is the station with a number, STATION-0001. Without a
    file the twelve stations of deploy/demo/hj212 are played, whose registry lies beside them.

    Example: duban sim hj212 --devices 100 --interval 1
    """
    from duban_cli.devices.fleet import Fleet
    from duban_cli.devices.series import load_series

    host, _, port = to.rpartition(":")
    if not host or not port.isdigit():
        fail(ExitCode.USAGE, f"--to: {to} is not HOST:PORT")
    series = load_series(file)
    fleet = Fleet(series, devices or len(series), interval, password, patience)
    if registry is not None:
        registry.write_text(fleet.registry("example-city"), "utf-8")
        err().print(f"{fleet.devices} devices in {registry}")
        return
    begun = datetime.now(UTC)
    tally = await fleet.play(host, int(port), begun, frames)
    _tell(tally, fleet.devices, (datetime.now(UTC) - begun).total_seconds(), as_json=as_json)
    if tally.answered < tally.sent:
        fail(ExitCode.FAILURE, f"{tally.sent - tally.answered} frames were not answered: is every MN in the registry?")


def _tell(tally: SendTally, devices: int, seconds: float, *, as_json: bool) -> None:
    waits = sorted(tally.seconds) or [0.0]
    figures = {
        "devices": devices,
        "sent": tally.sent,
        "answered": tally.answered,
        "sent_again": tally.sent_again,
        "unanswered": tally.unanswered,
        "broken": tally.broken,
        "seconds": round(seconds, 3),
        "answer_p50_ms": round(waits[len(waits) // 2] * 1000, 1),
        "answer_p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1),
    }
    if as_json:
        write_json(figures)
    else:
        out().print(
            "{devices} devices: {sent} frames, {answered} answered, {sent_again} sent again, {broken} connections "
            "broken; {seconds} s, an answer after {answer_p50_ms} ms in the median, {answer_p99_ms} ms at p99".format(
                **figures
            )
        )
