"""The client for producers, installed where nothing else of the workspace is, on the running engine."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from duban_cli.system import System
from tests.commanding import command_on, lines
from tests.conftest import eventually
from tests.given import ROOT

pytestmark = pytest.mark.stack

CLIENT = ROOT / "clients/python"
#: Nothing of the workspace may be found, or the client would not be seen to stand alone.
ALONE = "import importlib.util\nassert importlib.util.find_spec('duban') is None\n"
AWAITED = """
import asyncio
from duban_client import AsyncClient, Refused, Report
from duban_client.kafka import AsyncKafkaClient

async def main():
    async with AsyncKafkaClient(KAFKA, source=SOURCE, jurisdiction="smallville", channel="hotline") as topic:
        await topic.report(Report(id="awaited", title="河水发臭"))
        await asyncio.gather(*(topic.report(Report(id=f"awaited-{n}", title="河水发臭")) for n in range(20)))
    async with AsyncClient(URL, KEY) as duban:
        print((await duban.receipt(SOURCE, "awaited")).outcome)
        accepted = await duban.report(Report(id="over-http", title="河水发臭"))
        print((await duban.receipt(accepted.source, accepted.id)).outcome)
        try:
            await duban.report(Report(id="broken", title=""))
        except Refused as refused:
            print(refused.field, refused.status)

asyncio.run(main())
"""


def installed(folder: Path) -> dict[str, str]:
    """The environment of a Python with the client's wheel and what others publish, and no member of the workspace."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(folder / "site")
    # As a folder on the path alone, the environment's own links to the members are not followed.
    path = os.pathsep.join((str(folder / "site"), sysconfig.get_path("purelib")))
    return {"PYTHONPATH": path, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def examples() -> list[str]:
    """The programs of the client's README."""
    return re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)


async def ran(program: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """What ``program`` prints, a word each."""
    command = [sys.executable, "-S", "-W", "error", "-c", ALONE + program]
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


async def test_producers_report_over_http_and_onto_the_topic_from_outside_the_workspace(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, duban = f"hotline-{uuid4().hex[:8]}", command_on(system, monkeypatch)
    common = ("--jurisdiction", "smallville", "--channel", "hotline", "--json")
    [added] = lines(await duban("source", "add", name, *common))
    await duban("source", "add", f"{name}/topic", *common)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    environment = await asyncio.to_thread(installed, tmp_path)
    here = {
        '"http://127.0.0.1:8310"': repr(system.urls["gateway"]),
        '"127.0.0.1:29092"': repr(system.kafka),
        'source="hotline"': f'source="{name}/topic"',
        'jurisdiction="mianyang", channel="mayor-hotline"': 'jurisdiction="smallville", channel="hotline"',
    }
    told = f"KEY, SOURCE, KAFKA, URL = {added['key']!r}, {name!r}, {system.kafka!r}, {system.urls['gateway']!r}\n"
    by_http, by_topic = examples()
    for word, other in here.items():
        assert word in by_http + by_topic
        by_http, by_topic = by_http.replace(word, other), by_topic.replace(word, other)

    code, outcome, problem = await ran(told + by_http, tmp_path, environment)
    assert re.fullmatch(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", code)
    assert outcome in ("accepted", "attached")
    async with httpx2.AsyncClient(base_url=system.urls["api"], headers=system.bearer, timeout=60) as api:

        async def registered() -> bool:
            return (await api.get(f"/v1/problems/{problem}")).status_code == 200

        await eventually(registered)
    shown = await duban("problem", "show", problem)
    assert "河水发臭" in shown.stdout
    assert "张三" not in shown.stdout
    assert await ran(told + by_topic, tmp_path, environment) == []
    first, over_http, *refused = await ran(told + AWAITED, tmp_path, environment)
    assert {first, over_http} <= {"accepted", "attached"}
    assert refused == ["title", "400"]

    async def heard() -> bool:
        [told] = lines(await duban("source", "doctor", f"{name}/topic", "--json"))
        return told["activity"] is not None

    await eventually(heard)  # by intake, for it has knocked at no door
