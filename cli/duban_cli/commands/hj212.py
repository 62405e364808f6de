"""``duban hj212``: the registry of devices, and what frames say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json

hj212_app = typer.Typer(
    no_args_is_help=True,
    help="HJ 212, the protocol of pollution-source monitors: its devices, and what its frames say.",
)


@hj212_app.command("check")
@command
async def check(
    file: Annotated[Path, typer.Argument(help="The registry of devices, a YAML file.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Check a registry of devices, list them, and say what may be a mistake; 2 when the gateway would refuse it.

    Example: duban hj212 check deploy/demo/hj212/devices.yaml
    """
    from duban_intake.hj212.register_file import RegisterFile
    from duban_intake.hj212.registry import advice

    registry = RegisterFile(file).registry
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("MN", "site", "jurisdiction", "enterprise", "limits", "password", "SM4"):
        table.add_column(title)
    doubts: dict[str, list[str]] = {}
    for mn, what in advice(registry):
        doubts.setdefault(mn, []).append(what)
    for device in registry:
        if as_json:
            shown = device.model_dump(mode="json", exclude={"password", "key"}, exclude_none=True)
            held = {"password": device.password is not None, "key": device.key is not None}
            write_json({**shown, **held, "advice": doubts.get(device.mn, [])})
            continue
        cells = (
            device.mn, device.site, device.jurisdiction or "", device.enterprise or "", ", ".join(device.limits),
            "yes" if device.password else "–", "yes" if device.key else "–",
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    if not as_json:
        out().print(table)
        for mn, whats in doubts.items():
            for what in whats:
                err().print(f"[yellow]![/] {escape(mn)}: {escape(what)}")
    if any(device.key or device.password for device in registry) and file.stat().st_mode & 0o077:
        err().print(f"[yellow]![/] others may read {escape(str(file))}, which holds passwords or keys: chmod 600")
    err().print(f"{len(registry)} devices")


@hj212_app.command("decode")
@command
async def decode(
    file: Annotated[Path | None, typer.Argument(help="Bytes as they came; stdin, if not given.")] = None,
    devices: Annotated[Path | None, typer.Option(help="The registry, for the keys of those that encrypt.")] = None,
    as_json: AsJson = False,
) -> None:
    """What is in bytes of HJ 212: each frame with its readings, and the garbage between them; 1 when there is garbage.

    Example: duban hj212 decode capture.bin --json
    """
    from duban_intake.hj212.register_file import RegisterFile
    from hj212 import Frame, Stream

    data = sys.stdin.buffer.read() if file is None else file.read_bytes()
    stream = Stream(RegisterFile(devices).key_of if devices else None)
    arrivals = [*stream.feed(data), *stream.rest()]
    for arrival in arrivals:
        shown = _frame(arrival) if isinstance(arrival, Frame) else _garbage(arrival.data, arrival.error)
        if as_json:
            write_json(shown)
        else:
            out().print(
                escape(" · ".join(f"{name} {value}" for name, value in shown.items() if value not in ("", None)))
            )
    lost = sum(not isinstance(arrival, Frame) for arrival in arrivals)
    err().print(f"{len(arrivals) - lost} frames")
    if lost:
        fail(ExitCode.FAILURE, f"{lost} pieces of garbage")


def _frame(frame: Any) -> dict[str, Any]:
    from hj212 import Hj212Error, measured

    version = frame.version
    shown: dict[str, Any] = {
        "mn": frame.mn, "cn": frame.cn, "st": frame.st, "qn": frame.qn, "version": version and version.name,
        "encrypted": frame.encrypted, "wants_answer": frame.wants_answer, "cp": frame.cp,
    }  # fmt: skip
    try:
        readings = measured(frame)
    except Hj212Error as error:
        return {**shown, "none": str(error)}
    factors = {factor.factor: {**factor.values, **factor.texts, "Flag": factor.flag} for factor in readings.factors}
    return {**shown, "span": readings.span.value, "at": readings.at.isoformat(), "factors": factors}


def _garbage(data: bytes, error: Exception | None) -> dict[str, Any]:
    return {"garbage": data.decode("latin-1"), "why": str(error or "bytes without ##")}
