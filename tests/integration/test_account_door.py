"""The API of a running engine asks who comes, the command line signs in there, and the ledger names who acts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from duban.io.anchor_key import AnchorKey
from duban.messages.events import GENESIS, chained
from duban_cli.system import System
from duban_local.accounts import our_name
from tests.commanding import Run, command_on, lines
from tests.conftest import Stack, eventually
from tests.rewards import owe

pytestmark = pytest.mark.stack


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    engine = Stack(system.kafka, system.accounts, folder=system.folder)
    return command_on(engine, monkeypatch, XDG_CONFIG_HOME=str(tmp_path))


@pytest.fixture
async def api(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60) as client:
        yield client


async def signed_in(duban: Run, api: httpx2.AsyncClient, appointment: str) -> dict[str, str]:
    """The headers of somebody who was appointed so and has signed in, with a password of their own."""
    name = f"a{uuid4().hex[:8]}"
    given = (await duban("account", "add", name, "--as", appointment)).stdout.strip()
    who = {"name": name, "password": given, "new_password": "a word of my own, and long"}
    answer = await api.post("/v1/sessions", json=who)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}", "name": name}


async def test_who_acts_is_who_is_signed_in_and_a_unit_sees_its_own(
    duban: Run, api: httpx2.AsyncClient, system: System
) -> None:
    nobody = await api.get("/v1/problems")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "no_token")
    report = {
        "id": uuid4().hex, "source": "citizens", "jurisdiction": "smallville", "channel": "hotline",
        "title": "河水发臭", "category": "river", "area": "north-town",
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as gateway:
        problem = (await gateway.post("/v1/reports", json=report)).json()["problem_id"]
    office = await signed_in(duban, api, "office:smallville:office")
    path = f"/v1/problems/{problem}"

    async def registered() -> bool:
        return (await api.get(path, headers=office)).status_code == 200

    await eventually(registered)
    lead = (await api.get(path, headers=office)).json()["lead_unit"]
    stranger = await signed_in(duban, api, "unit_clerk:smallville:nobody-here")
    assert (await api.get(path, headers=stranger)).status_code == 404
    assert problem not in (await api.get("/v1/problems", headers=stranger)).text

    clerk = await signed_in(duban, api, f"unit_clerk:smallville:{lead}")
    act = {"action": "acknowledge", "actor": {"unit": "office"}}
    foreign = await api.post(f"{path}/actions?wait=30", headers=clerk, json=act)
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "other_unit")
    done = await api.post(f"{path}/actions?wait=30", headers=clerk, json={**act, "actor": {"unit": lead}})
    assert done.status_code == 200, done.text
    history = (await api.get(f"{path}/history", headers=clerk)).json()
    assert history["events"][-1]["actor"] == {"unit": lead, "person": clerk["name"]}

    await duban("account", "off", clerk["name"])
    ended = await api.get(path, headers=clerk)
    assert (ended.status_code, ended.json()["error"]["code"]) == (401, "no_session")
    log = lines(await duban("account", "audit", "--json"))
    assert [line["kind"] for line in log if line["account"] == clerk["name"]] == [
        "account_added", "password_set", "signed_in", "denied", "turned_off", "session_ended",
    ]  # fmt: skip


async def problem_of(system: System, api: httpx2.AsyncClient) -> dict[str, str]:
    """A problem of Smallville, dispatched to its unit."""
    report = {
        "id": uuid4().hex, "source": "citizens", "jurisdiction": "smallville", "channel": "hotline",
        "title": "河水发臭", "category": "river", "area": "north-town",
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as gateway:
        path = f"/v1/problems/{(await gateway.post('/v1/reports', json=report)).json()['problem_id']}"

    async def registered() -> bool:
        return (await api.get(path, headers=system.bearer)).status_code == 200

    await eventually(registered)
    problem: dict[str, str] = (await api.get(path, headers=system.bearer)).json()
    return problem


async def rewarded(duban: Run, system: System, problem: dict[str, str]) -> None:
    """A reward is owed for ``problem``, and listed with what its pack alone knows."""
    await owe(system, problem, f"sha256:{token_hex(32)}")

    async def is_listed() -> bool:
        listed = lines(await duban("reward", "ls", "--limit", 10_000, "--json"))
        return any(problem["number"] in reward["number"] and reward["currency"] == "CNY" for reward in listed)

    await eventually(is_listed)


async def test_the_command_line_is_the_machine_until_somebody_signs_in_and_again_when_they_have_gone(
    duban: Run, api: httpx2.AsyncClient, system: System, tmp_path: Path
) -> None:
    problem = await problem_of(system, api)
    number, lead = problem["number"], problem["lead_unit"]
    assert lines(await duban("whoami", "--json"))[0]["person"] == f"local:{our_name()}"
    await duban("act", number, "acknowledge", "--unit", lead, "--wait", 30)
    name = f"a{uuid4().hex[:8]}"
    given = (await duban("account", "add", name, "--as", f"unit_clerk:smallville:{lead}")).stdout.strip()
    own = "a word of my own, and long"

    assert "not_signed_in" in (await duban("login", "--name", name, code=4, stdin="wrong\n")).stderr
    assert "stdin has no line" in (await duban("login", "--name", name, code=2, stdin=f"{given}\n")).stderr
    assert "weak_password" in (await duban("login", "--name", name, code=2, stdin=f"{given}\nshort\n")).stderr
    [begun] = lines(await duban("login", "--json", stdin=f"{name}\n{given}\n{own}\n"))
    assert (begun["account"], begun["api"]) == (name, system.urls["api"])
    assert [file.stat().st_mode & 0o777 for file in tmp_path.glob("duban/sign-ins/*")] == [0o600]  # noqa: ASYNC240
    me = lines(await duban("whoami", "--json"))[0]
    assert (me["account"], me.get("person")) == (name, None)
    await duban("act", number, "progress", "--unit", lead, "--note", "half", "--wait", 30)
    other = await duban("act", number, "progress", "--unit", "office", "--note", "half", code=4)
    assert f"for {lead}, not for office" in other.stderr
    for role in ("strike_off", "refer"):
        await duban("act", number, role, "--unit", lead, code=2 if role == "refer" else 4)

    (tmp_path / "password").write_text(own)
    assert (
        "chmod 600" in (await duban("login", "--name", name, "--password-file", tmp_path / "password", code=4)).stderr
    )
    (tmp_path / "password").chmod(0o600)
    await duban("login", "--name", name, "--password-file", tmp_path / "password")
    await duban("account", "off", name)
    ended = await duban("act", number, "progress", "--unit", lead, "--note", "half", code=4)
    assert "duban login" in ended.stderr
    await duban("logout")
    await duban("logout", code=3)
    await duban("act", number, "progress", "--unit", lead, "--note", "rest", "--wait", 30)

    history = (await api.get(f"/v1/problems/{problem['id']}/history", headers=system.bearer)).json()["events"]
    acted = [(event["change"]["kind"], event["actor"].get("person")) for event in history if "person" in event["actor"]]
    assert acted[-3:] == [
        ("acknowledged", f"local:{our_name()}"), ("progressed", name), ("progressed", f"local:{our_name()}"),
    ]  # fmt: skip
    log = [line["kind"] for line in lines(await duban("account", "audit", "--json")) if line["account"] == name]
    # Of the session that the second one replaced, too.
    assert (log.count("signed_in"), log.count("session_ended")) == (2, 2)


async def test_an_upload_is_of_the_account_that_began_it(duban: Run, api: httpx2.AsyncClient) -> None:
    ours = await signed_in(duban, api, "unit_clerk:smallville:water")
    theirs = await signed_in(duban, api, "unit_clerk:smallville:water")
    tus = {"tus-resumable": "1.0.0"}
    begun = await api.post("/v1/evidence/uploads", headers={**ours, **tus, "upload-length": "10"})
    assert begun.status_code == 201, begun.text
    place = begun.headers["location"]
    assert (await api.head(place, headers={**theirs, **tus})).status_code == 404
    assert (await api.head(place, headers={**ours, **tus})).status_code == 200
    assert (await api.delete(place, headers={**ours, **tus})).status_code == 204


async def test_where_no_api_answers_a_command_says_so(duban: Run, tmp_path: Path, system: System) -> None:
    nowhere = ("--api", "http://127.0.0.1:9")
    assert "does not answer" in (await duban("login", *nowhere, "--name", "li", code=5, stdin="x\n")).stderr
    assert "no URL of an API" in (await duban("login", "--api", "nowhere", "--name", "li", code=2)).stderr
    assert "no_provider" in (await duban("login", "--provider", code=4)).stderr
    assert "--name" in (await duban("login", "--provider", "--name", "li", code=2)).stderr
    await duban("logout", *nowhere, code=3)


async def test_whoever_has_nothing_but_an_address_reads_what_is_theirs_and_it_looks_the_same(
    duban: Run, api: httpx2.AsyncClient, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, _ = await problem_of(system, api), await problem_of(system, api)
    lead, number = problem["lead_unit"], problem["number"]
    await duban("act", number, "acknowledge", "--unit", lead, "--wait", 30)
    names = {unit: f"a{uuid4().hex[:8]}" for unit in (lead, "nobody-here")}
    passwords = {
        unit: (await duban("account", "add", name, "--as", f"unit_clerk:smallville:{unit}")).stdout
        for unit, name in names.items()
    }
    questions: list[tuple[object, ...]] = [
        ("problem", "ls", "--json", "--limit", 10_000), ("problem", "ls", "--utc"),
        ("problem", "show", number, "--utc"), ("problem", "ls", "--stage", "disposal", "--json"),
        ("problem", "ls", "--overdue", "--lead-unit", lead, "--json"),
        ("problem", "show", problem["id"], "--json"), ("duty", "ls", "--json"), ("listing", "ls", "--all", "--json"),
        ("reward", "ls", "--limit", 10_000, "--json"), ("reading", "ls", "--json"),
        ("listing", "check", "Acme", "--at", "2030-01-01T00:00Z", "--json"),
    ]  # fmt: skip
    monkeypatch.setenv("DUBAN_DATABASE", system.database)
    await rewarded(duban, system, problem)
    as_operator = [(await duban(*question)).stdout for question in questions]
    page = lines(await duban("problem", "ls", "--limit", 1, "--json"))

    for name in ("DUBAN_KAFKA", "DUBAN_DATABASE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path / "nothing"))
    assert "no engine runs here" in (await duban("problem", "ls", code=5)).stderr
    monkeypatch.setenv("DUBAN_API", system.urls["api"])
    monkeypatch.setenv("DUBAN_TOKEN_FILE", str(system.folder / "local.key"))
    assert [(await duban(*question)).stdout for question in questions] == as_operator
    first = await duban("problem", "ls", "--limit", 1, "--json")
    assert lines(first) == page
    await duban("problem", "ls", "--limit", 1, "--cursor", first.stderr.split()[-1], "--json")
    await duban("problem", "ls", "--cursor", "none of ours", code=2)
    await duban("reward", "status", code=3, stdin="0000-0000-0000-0003\n")

    monkeypatch.delenv("DUBAN_TOKEN_FILE")
    await duban("problem", "ls", code=4)
    for unit, name in names.items():
        own = "a word of my own, and long"
        await duban("login", "--name", name, stdin=f"{passwords[unit].strip()}\n{own}\n")
        monkeypatch.delenv("DUBAN_API", raising=False)  # the one that somebody signed in to
        seen = [one["number"] for one in lines(await duban("problem", "ls", "--limit", 10_000, "--json"))]
        assert (number in seen) is (unit == lead)
        await duban("problem", "show", number, "--json", code=0 if unit == lead else 3)
        acted = ("act", number, "progress", "--unit", unit, "--note", "half", "--wait", 30)
        await duban(*acted, code=0 if unit == lead else 3)


async def test_the_log_written_anew_is_found_by_its_anchors(duban: Run, system: System, tmp_path: Path) -> None:
    async def checked(*arguments: object, code: int = 0) -> dict[str, Any]:
        run = await duban("account", "audit", "--verify", "--json", *arguments, code=code)
        document: dict[str, Any] = json.loads(run.stdout)
        return document

    async def heads() -> list[int]:
        anchors = [line for line in lines(await duban("ledger", "anchors")) if line["chain"] == "accounts"]
        return [head["version"] for anchor in anchors for head in anchor["heads"]]

    async def anchored() -> bool:
        return bool(await heads())

    await eventually(anchored)
    file = tmp_path / "anchors.jsonl"
    file.write_text((await duban("ledger", "anchors")).stdout)
    key = AnchorKey.load(system.folder / "anchors.pem").public
    clean = await checked("--against", file, "--public-key", key)
    assert (clean["whole"], clean["findings"]) == (True, [])
    connection = await asyncpg.connect(system.superuser)
    anchoring = await asyncpg.connect(system.superuser)
    held = anchoring.transaction()
    await held.start()  # what is false would be anchored too, if a round came just then
    assert await anchoring.fetchval("select 1 from console.anchors where chain = 'accounts' for update") == 1
    await connection.execute("alter table console.account_log disable trigger user")
    rows = await connection.fetch("select number, body, previous, hash from console.account_log order by number")
    put = "update console.account_log set body = $2, previous = $3, hash = $4 where number = $1"
    try:
        head = GENESIS
        for row in rows:
            body = row["body"].replace('"by":"', '"by":"not-')
            before, head = head, chained(head, body.encode())
            await connection.execute(put, row["number"], body, before, head)
        anew = await checked(code=1)
    finally:
        await connection.executemany(put, [tuple(row) for row in rows])
        await connection.execute("alter table console.account_log enable trigger user")
        await connection.close()
        await held.rollback()
        await anchoring.close()
    assert anew["whole"], "the chain alone is whole"
    assert "is another than anchor" in anew["findings"][0]["what"]
    assert (await checked())["findings"] == []
