"""The doors of the gateway, by the clients that a reader of docs/integrating.md would use, on one running engine."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from duban_cli.system import System
from tests.commanding import Run, command_on, lines
from tests.snippets import snippet

pytestmark = pytest.mark.stack

REPORT = {"title": "河水发臭", "category": "river", "area": "north-town"}


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=20) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A source of this test's own."""
    return f"hotline-{uuid4().hex[:8]}"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def added(duban: Run, name: str, *options: object) -> str:
    """The key of a source that is registered now."""
    given = ("--jurisdiction", "smallville", "--channel", "hotline", *options)
    [done] = lines(await duban("source", "add", name, *given, "--json"))
    key: str = done["key"]
    return key


async def answered(call: Callable[[], Awaitable[httpx2.Response]], status: int, code: str | None = None) -> Any:
    """What ``call`` answers once the gateway has heard of a change: with this status, and this code of a fault."""
    async with asyncio.timeout(20):
        while True:
            answer = await call()
            if answer.status_code == status and (code is None or answer.json()["error"]["code"] == code):
                return answer.json()
            await asyncio.sleep(0.02)


async def test_a_source_is_registered_speaks_by_its_key_is_rotated_and_turned_off(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--as", f"{name}/branch", "--max-body", 2_000)

    def send(by: str, **changed: Any) -> Callable[[], Awaitable[httpx2.Response]]:
        return lambda: gateway.post("/v1/reports", json={"id": "1", **REPORT, **changed}, headers=bearer(by))

    accepted = await answered(send(key), 202)
    assert (accepted["source"], accepted["id"]) == (name, "1")
    await answered(send(key, source=f"{name}/branch"), 202)
    refused = await answered(send(key, source="somebody"), 403, "other_source")
    assert f"use one of: {name}, {name}/branch" in refused["error"]["message"]
    await answered(send(key, jurisdiction="elsewhere"), 403, "other_jurisdiction")
    await answered(send(key, text="x" * 2_000), 413, "too_large")
    wrong = await send("duban_wrong")()
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Bearer realm="duban"')
    # Nobody else is told what became of it, and nobody speaks under its name.
    path = f"/v1/reports/{name}/1"
    await answered(lambda: gateway.get(path, headers=bearer(key)), 200)
    await answered(lambda: gateway.get(path), 403, "other_source")
    await answered(lambda: gateway.post("/v1/reports", json={"id": "2", "source": name, **REPORT,
        "jurisdiction": "smallville", "channel": "hotline"}), 403, "other_source")  # fmt: skip

    [rotated] = lines(await duban("source", "rotate", name, "--json"))
    await answered(send(rotated["key"]), 202)
    await answered(send(key), 202)
    await duban("source", "rotate", name)
    await answered(send(key), 401, "unknown_key")
    await answered(send(rotated["key"]), 202)
    await duban("source", "off", name)
    await answered(send(rotated["key"]), 403, "source_off")
    await duban("source", "on", name)
    await answered(send(rotated["key"]), 202)
    [shown] = [source for source in lines(await duban("source", "ls", "--json")) if source["name"] == name]
    assert len(shown["keys"]) == 2
    assert key not in json.dumps(shown)


async def test_more_than_its_rate_is_429_and_says_when_to_go_on(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    headers = bearer(await added(duban, name, "--rate", 1))
    send = lambda: gateway.post("/v1/reports", json={"id": "1", **REPORT}, headers=headers)  # noqa: E731
    await answered(send, 202)
    slowed = await send()
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "60")
    assert "1 reports a minute; go on in 60 s" in slowed.json()["error"]["message"]


async def test_sources_of_a_file_are_registered_all_or_none(
    duban: Run, tmp_path: Any, gateway: httpx2.AsyncClient, name: str
) -> None:
    made = json.loads((await duban("source", "key", "--json")).stdout)
    file = tmp_path / "sources.yaml"
    entry = f"{{name: {name}, jurisdiction: smallville, channel: hotline, keys: [{{sha256: {made['sha256']}, since: "
    file.write_text(f"sources:\n  - {entry}'{made['since']}'}}]}}\n", "utf-8")
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--dry-run", "--json"))] == [
        "would be registered"
    ]
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--json"))] == ["registered"]
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--json"))] == ["stands as it is"]
    send = lambda: gateway.post("/v1/reports", json={"id": "1", **REPORT}, headers=bearer(made["key"]))  # noqa: E731
    await answered(send, 202)
    with file.open("a", encoding="utf-8") as more:
        more.write(f"  - {{name: {name}-b, jurisdiction: smallville, names: [{name}]}}\n")
    refused = await duban("source", "apply", file, code=4)
    assert f"{name} would speak under {name}, which is {name}-b's" in refused.stderr


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("热线", "--jurisdiction", "smallville"), 2, "--name: should match the pattern"),
        (("x",), 4, "names no jurisdiction"),
        (("demo", "--open"), 4, "is registered already"),
    ],
)
async def test_a_source_that_cannot_be_is_refused_with_what_is_wrong(
    duban: Run, options: tuple[str, ...], code: int, says: str
) -> None:
    assert says in (await duban("source", "add", *options, code=code)).stderr


async def test_the_first_snippet_of_the_guide_works_as_it_stands(duban: Run, system: System, name: str) -> None:
    add = shlex.split(snippet("integrating.md", "source", {"hotline": name, "mianyang": "smallville"}))
    key = (await duban(*add[1:])).stdout.strip()
    instead = {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key, "mianyang": "smallville"}
    answer = await curled(snippet("integrating.md", "report", {k: v for k, v in instead.items() if k != "mianyang"}))
    assert answer["source"] == name


async def curled(command: str) -> Any:
    """What the ``curl`` of a snippet answers, once the gateway knows its source."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    async with asyncio.timeout(20):
        while True:
            shell = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=asyncio.subprocess.PIPE)
            out, _ = await shell.communicate()
            if "unknown_key" not in (answer := out.decode()):
                return json.loads(answer[answer.index("{") :])
            await asyncio.sleep(0.05)
