"""The vault on the real broker and database: who reported leaves no trace, and two custodians open it elsewhere."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from typer.testing import CliRunner, Result

from duban.messages import struct
from duban.messages.envelope import decode
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban_cli import app
from duban_cli.identity import API_VARIABLE, KEY_VARIABLE
from duban_cli.system import System, running
from duban_console.kafka.topic_reader import Raw, records, topics_of
from duban_intake.domain import own_problem
from tests.accounts import CUSTODIAN, OFFICE, OWN, signed_in
from tests.given import ROOT, SMALL

pytestmark = pytest.mark.stack

CONTACT = {
    "name": "王小明明",
    "phone": "+86-13800138000",
    "email": "xiaoming@insider.example",
    "other": "六点以后打电话",
}
SECRET = "a word that nobody guesses"
KEY = b64encode(b"\x17" * 32).decode()
Run = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    # All that is written stays readable, so that a search of the disk finds what is there.
    env = {"*": {"DUBAN_LOG_LEVEL": "DEBUG", "DUBAN_COMPRESSION": "none"}}
    publish = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DUBAN_VAULT_KEY", KEY)
        services = ["router", "intake", "gateway", "api", "vault"]
        async with running(services=services, publish=publish, env=env) as found:
            yield found


@pytest.fixture
async def client(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
async def tokens(system: System) -> dict[str, str]:
    """Three custodians and somebody else, each with an account of their own, and their sessions."""
    return {
        **{name: await signed_in(system, name, CUSTODIAN) for name in ("li", "wang", "zhao")},
        "sun": await signed_in(system, "sun", OFFICE),
    }


@pytest.fixture
def duban(system: System, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, against this vault, for whoever is signed in ``by``; fails unless it ends with ``code``."""
    (file := tmp_path / "token").touch(0o600)
    monkeypatch.setenv("DUBAN_VAULT", system.urls["vault"])
    monkeypatch.setenv(API_VARIABLE, system.urls["api"])

    async def run(*arguments: object, by: str | None = "li", code: int = 0, stdin: str | None = None) -> Result:
        if by is not None:
            file.write_text(tokens[by])
            monkeypatch.setenv(KEY_VARIABLE, str(file))
        result = await asyncio.to_thread(CliRunner().invoke, app, ["vault", *map(str, arguments)], input=stdin)
        assert result.exit_code == code, result.output
        return result

    return run


def body(id_: str, **changed: Any) -> dict[str, Any]:
    report = {
        "jurisdiction": "smallville",
        "channel": "hotline",
        "title": "黑臭水体",
        "category": "river",
        "area": "north-town",
    }
    return {"source": "热线/insiders", "id": id_, "secret": SECRET, **report, **changed}


def one(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


async def everything(system: System) -> list[Raw]:
    """Every record of every topic, dead letters too."""
    return [record async for record in records(system.settings, sorted(await topics_of(system.settings)))]


async def sent(system: System, id_: str) -> list[Report]:
    """The reports published under ``id_``."""
    found = [one async for one in records(system.settings, [Report.TOPIC])]
    messages = [decode(one.key, one.value, one.headers, {Report.TYPE: Report}) for one in found]
    return [message.data for message in messages if message.id == id_]


def plain(record: Raw) -> bytes:
    return b"\n".join([record.key or b"", record.value or b"", *(v or b"" for _, v in record.headers)])


@dataclass(frozen=True)
class Traces:
    """Every byte that the engine wrote: records, logs, and the files of the broker and of the database."""

    places: dict[str, bytes]

    def of(self, text: str) -> set[str]:
        """Where ``text`` stands, as it is or escaped."""
        forms = {text.encode(), json.dumps(text)[1:-1].encode(), text.encode("utf-16-le")}
        return {place for place, written in self.places.items() if any(form in written for form in forms)}


async def traces(system: System) -> Traces:
    database = await asyncpg.connect(system.superuser)
    await database.execute("checkpoint")
    await database.close()
    files: dict[str, bytes] = {}
    for file in system.folder.rglob("*"):
        if file.is_file():
            with suppress(FileNotFoundError):  # broker and database write files for a moment
                files[str(file)] = file.read_bytes()
    topics: dict[str, bytes] = {}
    for record in await everything(system):
        topics[record.topic] = topics.get(record.topic, b"") + plain(record)
    return Traces(files | topics)


async def test_who_reported_leaves_no_trace_anywhere_but_sealed_my_02b_my_02d(
    system: System,
    client: httpx2.AsyncClient,
    duban: Run,
    eventually: Callable[..., Awaitable[None]],
) -> None:
    good = body("trace-1", title="a title to be found 4711", contact=CONTACT)
    answers = [
        await client.post("/v1/reports", json=good),
        # The same again; another contact; another body; refused by policy; faults inside and beside the contact.
        await client.post("/v1/reports", json=good),
        await client.post("/v1/reports", json={**good, "contact": {**CONTACT, "name": "王小"}}),
        await client.post("/v1/reports", json={**good, "title": "another"}),
        await client.post("/v1/reports", json=body("trace-2", area="moon 4711", contact=CONTACT)),
        await client.post("/v1/reports", json=body("trace-3", contact={**CONTACT, "fax": CONTACT["phone"]})),
        await client.post("/v1/reports", json=body("trace-4", contact={CONTACT["name"]: CONTACT["phone"]})),
        await client.post("/v1/reports", json=body("trace-5", contact={**CONTACT, "email": CONTACT["name"]})),
        await client.post("/v1/reports", json=body("trace-6", contact=CONTACT, title=7)),
        await client.post("/v1/reports", content=json.dumps(body("trace-7", contact=CONTACT)).encode()[:-1],
                          headers={"content-type": "application/json"}),
        await client.post("/v1/reports", content=json.dumps(body("trace-8", contact=CONTACT)).encode(),
                          headers={"content-type": f"text/{CONTACT['phone']}"}),
    ]  # fmt: skip
    # The content type is the sender's own word about the body; it is told back, so the last answer is let out below.
    assert [one.status_code for one in answers] == [202, 202, 409, 409, 202, 400, 400, 400, 400, 400, 415]

    async def handled() -> bool:
        status = [await client.get(answers[n].json()["status_url"]) for n in (0, 4)]
        return [one.json().get("outcome") for one in status] == ["accepted", "refused"]

    await eventually(handled)
    ask = one(await duban("ask", "热线/insiders", "trace-1", "--reason", "reward", "--json"))["ask"]
    await duban("approve", ask, by="wang")
    shown = one(await duban("open", ask, "--json"))
    assert shown["contact"] == CONTACT

    async def dead() -> bool:
        return any(b"moon 4711" in plain(one) for one in await everything(system) if one.topic.endswith(".dlq"))

    await eventually(dead)
    found = await traces(system)
    # The search finds what is there: in the records, in the broker's files, in the database's.
    assert Report.TOPIC in found.of("a title to be found 4711")
    assert any(b"moon 4711" in written for place, written in found.places.items() if place.endswith(".dlq"))
    assert any(place.endswith(".log") and "kafka" in place for place in found.of("a title to be found 4711"))
    assert any("base/" in place for place in found.of("trace-1"))
    for log, line in (("vault.log", '"kind": "opened"'), ("gateway.log", '"code": "other_body"')):
        assert any(place.endswith(log) for place in found.of(line))
    for confided in (*CONTACT.values(), SECRET, "13800138000"):
        assert found.of(confided) == set()
        assert not any(confided in one.text or json.dumps(confided)[1:-1] in one.text for one in answers[:-1])
    code = answers[0].json()["code"]
    assert found.of(code) == found.of(code.replace("-", "")) == set()


async def test_the_same_request_is_given_the_same_code_and_the_report_holds_its_handle(
    system: System, client: httpx2.AsyncClient
) -> None:
    first, again = [(await client.post("/v1/reports", json=body("code-1"))).json() for _ in range(2)]
    assert first == again
    assert len(first["code"].replace("-", "")) == 16
    handles = {report.reporter.handle for report in await sent(system, "code-1")}
    assert handles == {handle_of(first["code"].lower().replace("-", " ").replace("0", "o").replace("1", "l"))}
    other = (await client.post("/v1/reports", json=body("code-1", title="another body"))).json()
    assert other["code"] != first["code"]


async def test_who_only_sees_a_published_report_cannot_ask_for_its_code(
    system: System, client: httpx2.AsyncClient
) -> None:
    code = (await client.post("/v1/reports", json=body("secret-1"))).json()["code"]
    [seen] = await sent(system, "secret-1")
    copied = struct.replace(seen, reporter=struct.replace(seen.reporter, handle=None))
    again = {"source": "热线/insiders", "id": "secret-1", **struct.plain(copied)}
    assert "code" not in (await client.post("/v1/reports", json=again)).json()
    guessed = (await client.post("/v1/reports", json={**again, "secret": "a mere guess"})).json()["code"]
    assert guessed != code


async def test_a_handle_of_its_own_stands(system: System, client: httpx2.AsyncClient) -> None:
    answer = (await client.post("/v1/reports", json=body("own-1", reporter={"handle": "ours"}))).json()
    assert "code" not in answer
    assert [report.reporter.handle for report in await sent(system, "own-1")] == ["ours"]


async def test_the_command_leads_through_the_custody_and_ends_with_honest_codes_my_02d(
    client: httpx2.AsyncClient, duban: Run
) -> None:
    id_ = f"custody-{uuid4().hex[:8]}"
    assert (await client.post("/v1/reports", json=body(id_, contact=CONTACT))).status_code == 202
    about = ("热线/insiders", id_)
    said = ("--reason", "the reward is due")
    assert "sun may not do ask_vault" in (await duban("ask", *about, *said, by="sun", code=4)).stderr
    assert "no contact" in (await duban("ask", "热线/insiders", "nobody", *said, code=3)).stderr
    await duban("ask", *about, code=2)
    ask = one(await duban("ask", *about, *said, "--json"))["ask"]
    assert "not approved" in (await duban("open", ask, code=4)).stderr
    assert "cannot approve" in (await duban("approve", ask, code=4)).stderr
    await duban("approve", ask, by="wang")
    assert "only who asked" in (await duban("open", ask, by="wang", code=4)).stderr
    shown = await duban("open", ask)
    assert f"phone: {CONTACT['phone']}" in shown.stdout
    assert "opened by li" in (await duban("open", ask, code=4)).stderr

    other = one(await duban("ask", *about, *said, "--json", by="zhao"))["ask"]
    await duban("refuse", other, "--reason", "no ground", by="wang")
    assert "refused by wang" in (await duban("approve", other, code=4)).stderr
    await duban("approve", uuid4(), code=3)
    await duban("approve", "../log", code=3)

    await duban("forget", *about, "--reason", "the reporter asks for it")
    assert "destroyed" in (await duban("ask", *about, *said, code=4)).stderr
    again = await client.post("/v1/reports", json=body(id_, contact=CONTACT))
    assert (again.status_code, again.json()["error"]["code"]) == (410, "forgotten")

    log = [json.loads(line) for line in (await duban("log", "--json")).stdout.splitlines()]
    assert [(line["kind"], line["by"]) for line in log if line["id"] == id_] == [
        ("asked", "li"), ("approved", "wang"), ("opened", "li"),
        ("asked", "zhao"), ("refused", "wang"), ("forgotten", "li"),
    ]  # fmt: skip
    assert "the reward is due" in (await duban("log")).stdout


async def test_two_people_sign_in_for_what_each_of_them_does_and_are_signed_out_again_my_02d(
    system: System, client: httpx2.AsyncClient, duban: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MY-02D on the real stack: nobody is signed in at this terminal, and neither password opens anything alone."""
    await client.post("/v1/reports", json=body("two-1", contact=CONTACT))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)

    async def as_(name: str, *words: object, stdin: str = f"{OWN}\n", code: int = 0) -> Result:
        return await duban(*words, "--as", name, by=None, stdin=stdin, code=code)

    ask = one(await as_("li", "ask", "热线/insiders", "two-1", "--reason", "the reward is due", "--json"))["ask"]
    assert "cannot approve" in (await as_("LI", "approve", ask, code=4)).stderr
    assert "wrong" in (await as_("wang", "approve", ask, stdin="a guess\n", code=4)).stderr
    await as_("wang", "approve", ask)
    assert one(await as_("li", "open", ask, "--json"))["contact"] == CONTACT
    accounts = await asyncpg.connect(system.accounts)
    try:
        assert await accounts.fetchval("select count(*) from console.sessions where account in ('li', 'wang')") == 2
    finally:
        await accounts.close()


async def test_two_custodians_open_a_contact_on_the_pages_of_the_api_my_02d(
    system: System, client: httpx2.AsyncClient, tokens: dict[str, str]
) -> None:
    await client.post("/v1/reports", json=body("page-1", contact=CONTACT))
    url = system.urls["api"]

    async def sent(name: str, path: str, **form: str) -> httpx2.Response:
        cookies, headers = {"duban": tokens[name]}, {"origin": url}
        async with httpx2.AsyncClient(base_url=url, cookies=cookies, headers=headers, timeout=60) as browser:
            return await browser.post(f"/vault/asks{path}", data=form)

    async with httpx2.AsyncClient(base_url=url, cookies={"duban": tokens["li"]}, timeout=60) as browser:
        asked = await sent("li", "", source="热线/insiders", id="page-1", reason="the reward is due on a page")
        assert asked.status_code == 303
        page = (await browser.get("/vault")).text.partition("the reward is due on a page")[2]
    ask = page.partition('action="/vault/asks')[2].partition("/refusal")[0]
    assert (await sent("li", f"{ask}/approval")).status_code == 409
    assert (await sent("sun", f"{ask}/approval")).status_code == 403
    assert (await sent("wang", f"{ask}/approval")).status_code == 303
    opened = await sent("li", f"{ask}/opening")
    assert (opened.status_code, all(held in opened.text for held in CONTACT.values())) == (200, True)
    assert (await sent("li", f"{ask}/opening")).status_code == 409


async def test_the_check_of_the_log_finds_a_line_that_was_changed_behind_its_back_my_02d(
    system: System, client: httpx2.AsyncClient, duban: Run
) -> None:
    await client.post("/v1/reports", json=body("verify-1", contact=CONTACT))
    await duban("ask", "热线/insiders", "verify-1", "--reason", "the first ground")
    head = one(await duban("verify", "--json"))["head"]
    assert (await duban("verify", "--head", head)).stdout.strip() == head
    assert "noted earlier" in (await duban("verify", "--head", "f" * 64, code=1)).stderr
    database = await asyncpg.connect(system.superuser)
    try:
        [line] = await database.fetch("select number, body from intake.vault_log order by number desc limit 1")
        for text in (line["body"].replace("the first ground", "another ground"), line["body"]):
            async with database.transaction():
                await database.execute("set local session_replication_role = replica")
                await database.execute("update intake.vault_log set body = $2 where number = $1", line["number"], text)
            changed = text != line["body"]
            found = one(await duban("verify", "--json", code=1 if changed else 0))
            assert (found["whole"], found.get("broken")) == (not changed, line["number"] if changed else None)
    finally:
        await database.close()


async def test_the_custodians_door_and_the_reporters_door_do_not_lead_to_each_other(system: System) -> None:
    gateway, vault = system.urls["gateway"], system.urls["vault"]
    assert gateway != vault
    async with httpx2.AsyncClient(timeout=60) as client:
        for served, other in ((vault, gateway), (gateway, vault)):
            paths = (await client.get(f"{served}/openapi.json")).json()["paths"]
            assert paths
            for path, methods in paths.items():
                for method in methods:
                    answer = await client.request(method, other + path, json={})
                    assert answer.status_code == 404, path
                    if method != "head":  # what answers it bears no body
                        assert answer.json()["error"]["code"] == "unknown_path", path
        assert (await client.get(f"{system.health['vault']}/readyz")).status_code == 200


async def test_the_vault_takes_its_requests_only_as_strict_json(system: System, tokens: dict[str, str]) -> None:
    async def fault(path: str, headers: dict[str, str] | None = None, **sent: Any) -> tuple[int, str, str | None]:
        known = {"authorization": f"Bearer {tokens['li']}", **(headers or {})}
        async with httpx2.AsyncClient(base_url=system.urls["vault"], timeout=60) as client:
            answer = await client.post(f"/v1/vault/{path}", headers=known, **sent)
        error = answer.json()["error"]
        assert error["message"]
        return answer.status_code, error["code"], error.get("field")

    asked = {"source": "s", "id": "1", "reason": "x"}
    assert await fault("asks", data=asked) == (415, "unsupported_type", "content-type")
    assert await fault("asks", json={**asked, "reason": ""}) == (400, "invalid", "reason")
    assert await fault("asks", json={**asked, "reason": "\x00"}) == (400, "invalid", "reason")
    assert await fault("asks", json={**asked, "and": 1}) == (400, "invalid", "and")
    assert await fault("asks", json={}) == (400, "invalid", "source")
    assert await fault("asks", json={**asked, "source": "\x00"}) == (404, "no_contact", None)
    assert await fault("asks", content=b"[", headers={"content-type": "application/json"}) == (400, "not_json", None)
    assert await fault("asks/7/approval", json={}) == (404, "unknown_ask", None)
    assert await fault("asks", json={**asked, "reason": "x" * (1024 * 1024)}) == (413, "too_large", None)


async def test_a_vault_that_is_not_there_is_unavailable_and_none_at_all_is_to_be_named(
    duban: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUBAN_VAULT", "http://127.0.0.1:9")
    assert "the vault does not answer at http://127.0.0.1:9" in (await duban("log", code=5)).stderr
    monkeypatch.delenv("DUBAN_VAULT")
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path))
    assert "DUBAN_VAULT" in (await duban("log", code=5)).stderr


async def test_the_problem_of_a_named_report_stands_in_the_ledger_under_the_handle_alone(
    system: System, client: httpx2.AsyncClient, eventually: Callable[..., Awaitable[None]]
) -> None:
    given = body("ledger-1", contact=CONTACT, reporter={"identity": "insider"})
    code = (await client.post("/v1/reports", json=given)).json()["code"]
    database = await asyncpg.connect(system.superuser)
    try:

        async def state() -> str | None:
            found: str | None = await database.fetchval(
                "select state from router.records where id = $1", own_problem("热线/insiders", "ledger-1")
            )
            return found

        async def there() -> bool:
            return await state() is not None

        await eventually(there)
        events = await database.fetch(
            "select body from router.events where problem_id = $1", own_problem("热线/insiders", "ledger-1")
        )
    finally:
        await database.close()
    told = "".join(row["body"] for row in events)
    assert handle_of(code) in told
    assert '"insider"' in told


async def test_intake_forgets_by_itself_what_it_refused_long_ago_and_not_what_stands_in_the_ledger(
    system: System, client: httpx2.AsyncClient, eventually: Callable[..., Awaitable[None]]
) -> None:
    for id_, area in (("old-1", "moon"), ("old-2", "north-town")):
        await client.post("/v1/reports", json=body(id_, area=area))
    urls = [f"/v1/reports/{quote('热线/insiders', safe='')}/{id_}" for id_ in ("old-1", "old-2")]

    async def outcomes() -> list[str | None]:
        return [(await client.get(url)).json().get("outcome") for url in urls]

    async def decided() -> bool:
        return await outcomes() == ["refused", "accepted"]

    async def forgotten() -> bool:
        return await outcomes() == [None, "accepted"]

    await eventually(decided)
    database = await asyncpg.connect(system.superuser)
    await database.execute("update intake.receipts set received_at = received_at - interval '366 days'")
    await database.close()
    await system.restart("intake")
    await eventually(forgotten)
