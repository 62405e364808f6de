"""What is secret stands nowhere but where it is needed: not in logs, in the database, or with another process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from duban_cli.system import System
from tests.commanding import Run, command_on
from tests.conftest import Stack, eventually

pytestmark = pytest.mark.stack

#: Typed where passwords are, and wrong.
TYPED: Final = "planted-and-wrong-8c1f"
OWN: Final = "planted words of my own 41ab"


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    engine = Stack(system.kafka, system.accounts, folder=system.folder)
    return command_on(engine, monkeypatch, XDG_CONFIG_HOME=str(tmp_path))


@pytest.fixture
async def superuser(system: System) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(system.superuser)
    yield connection
    await connection.close()


async def registered(api: httpx2.AsyncClient, system: System) -> str:
    """The id of a problem that stands in the ledger."""
    report = {
        "id": uuid4().hex,
        "source": "citizens",
        "jurisdiction": "smallville",
        "channel": "hotline",
        "title": "臭",
    }
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as gateway:
        problem: str = (await gateway.post("/v1/reports", json=report)).json()["problem_id"]

    async def stands() -> bool:
        return (await api.get(f"/v1/problems/{problem}", headers=system.bearer)).status_code == 200

    await eventually(stands)
    return problem


async def planted(duban: Run, system: System, superuser: asyncpg.Connection[asyncpg.Record]) -> dict[str, str]:
    """Every secret that was used: by signing in well and badly, by a key, a reset, and where a route breaks."""
    name, feed = f"a{uuid4().hex[:8]}", f"s{uuid4().hex[:8]}"
    given = (await duban("account", "add", name, "--as", "auditor")).stdout.strip()
    await duban("account", "add", feed, "--system", "--as", "auditor")
    key = (await duban("key", "add", feed, "--scope", "read")).stdout.split()[-1]
    uri = (await duban("account", "factor", name)).stdout.strip()
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60) as api:
        wrong = await api.post("/v1/sessions", json={"name": name, "password": TYPED})
        unknown = await api.post("/v1/sessions", json={"name": TYPED, "password": TYPED, "code": TYPED})
        malformed = await api.post("/v1/sessions", json={"name": name, "password": [TYPED], "pass": TYPED})
        assert [answer.status_code for answer in (wrong, unknown, malformed)] == [401, 401, 400]
        begun = await api.post("/v1/sessions", json={"name": name, "password": given, "new_password": OWN})
        token = begun.json()["token"]
        problem = f"/v1/problems/{await registered(api, system)}"
        await superuser.execute(f"create temp table kept as select * from router.records where id = '{problem[13:]}'")
        await superuser.execute("update router.records r set state = '{}' from kept where r.id = kept.id")
        try:
            for shown in (token, key):
                headers = {"authorization": f"Bearer {shown}", "connection": "close"}
                answer = await api.get(problem, headers=headers)
                assert answer.status_code == 500, answer.text
                assert shown not in answer.text
        finally:
            await superuser.execute("update router.records r set state = kept.state from kept where r.id = kept.id")
        assert (await api.get(problem, headers={"authorization": f"Bearer {key}"})).status_code == 200
    anew = (await duban("account", "reset", name)).stdout.strip()
    assert all((given, key, uri, token, anew))
    return {
        "wrong": TYPED, "own": OWN, "given": given, "key": key.removeprefix("duban_key_"),
        "token": token.removeprefix("duban_session_"), "anew": anew,
        "factor": uri.partition("secret=")[2].partition("&")[0],
        "seal": (system.folder / "accounts.key").read_text().strip(),
    }  # fmt: skip


async def rows(superuser: asyncpg.Connection[asyncpg.Record]) -> str:
    """Every row of every table of ours, as a dump would have it."""
    tables = await superuser.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname !~ '^(pg_|information)'"
    )
    assert len(tables) > 20
    texts = [await superuser.fetch(f"select t::text from {table['name']} t") for table in tables]
    return "\n".join(row[0] for table in texts for row in table)


def of_process(pid: int, file: str) -> str:
    return Path(f"/proc/{pid}/{file}").read_bytes().decode("utf-8", "replace")


async def test_no_secret_stands_in_a_log_a_row_an_argument_or_with_another_process(
    duban: Run, system: System, superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    secrets = await planted(duban, system, superuser)
    places = {file.name: file.read_text("utf-8", "replace") for file in (system.folder / "logs").iterdir()}
    assert "request failed" in places["api.log"], "the crash of the route is in the log"
    places["rows"] = await rows(superuser)
    for name, pid in system.pids.items():
        places[f"arguments of {name}"] = of_process(pid, "cmdline")
        places[f"environment of {name}"] = of_process(pid, "environ")
    everywhere = [(secret, place) for secret in secrets for place in places]
    assert [(secret, place) for secret, place in everywhere if secrets[secret] in places[place]] == []
    # Whoever has the role that keeps the accounts can sign anybody in: the API alone is told it.
    assert [place for place, content in places.items() if system.accounts in content] == ["environment of api"]
