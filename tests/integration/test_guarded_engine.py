"""The whole engine over TLS alone: each service as its own principal and its own role, from a report to its strike-off.

Beside it the table of ``deploy/topics.yaml``, cell by cell: each principal asks to write and to read every topic, and
to be a member of every group.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError, UnknownMemberIdError
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from confluent_kafka import KafkaError, Producer

from duban.io.broker import connection
from duban_cli.system import System, engine
from duban_console.accounts.account import Appointment, Role
from duban_local import topics
from duban_local.certificates import Authority
from duban_local.rights import PREFIX, principal_of, rights
from duban_local.stack import Stack, silent
from tests.accounts import signed_in
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import ROOT, SMALL

pytestmark = pytest.mark.stack

DECLARED = topics.declaration()
SERVED = ["escalation", "router", "intake", "detector", "gateway", "vault", "api", "hj212"]


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    devices = tmp_path_factory.mktemp("hj212") / "devices.yaml"
    devices.write_text("devices: [{mn: MN1, site: outlet, jurisdiction: smallville}]\n")
    env = {"detector": {"DUBAN_SESSION_TIMEOUT": "6"}, "hj212": {"DUBAN_HJ212_DEVICES": str(devices)}}
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    # Not below pytest's own folder, which is closed to the account that the database runs as.
    with TemporaryDirectory(prefix="duban-tests-") as place:
        stack = Stack(Path(place), kafka_port=0, database_port=0, guarded=True)
        assert stack.authority is not None
        async with over_tls(stack.authority) as (reached, through):
            engaged = engine(
                stack, SERVED, "system", env, packs, None, silent, free=True,
                reached=lambda address: reached(address) if "://" in address else address,
            )  # fmt: skip
            async with engaged as system:
                yield system
                assert through


@asynccontextmanager
async def over_tls(authority: Authority) -> AsyncIterator[tuple[Callable[[str], str], list[str]]]:
    """What a URL of a database becomes that is reached by TLS alone, and who came; as a pooler stands before one.

    The server of the wheel has no TLS of its own.
    """
    came: list[str] = []
    target = 0

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != _SSL_REQUEST:
            writer.close()  # who does not ask for TLS does not come in
            return
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except OSError:
            return  # whoever compares our certificate with another authority hangs up
        inner_reader, inner = await asyncio.open_connection("127.0.0.1", target)
        came.append("over TLS")
        await asyncio.gather(pipe(reader, inner), pipe(inner_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("postgres"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def reached(url: str) -> str:
        nonlocal target
        parts = urlsplit(url)
        target = parts.port or 0
        at = parts._replace(netloc=parts.netloc.replace(f":{target}", f":{port}"))
        return f"{urlunsplit(at)}?sslmode=verify-full&sslrootcert={quote(str(authority.file), safe='')}"

    try:
        yield reached, came
    finally:
        server.close()


#: Eight bytes by which a client of PostgreSQL asks for TLS.
_SSL_REQUEST: Final = bytes((0, 0, 0, 8, 4, 210, 22, 47))


@pytest.fixture
def duban(guarded: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, as the administrator of the brokers."""
    administration = guarded.stack.administration
    told = {f"DUBAN_{name}".upper(): str(value) for name, value in administration.items()}
    return command_on(guarded, monkeypatch, **told)


async def test_a_report_goes_the_whole_way_and_every_service_does_its_part(guarded: System) -> None:
    problem = await struck_off(guarded)
    for table in ("intake.receipts", "escalation.heads"):
        # By its id: a duty begins, with a head of its own, where a month does in the middle of this.
        assert await _value(guarded.superuser, f"select count(*) from {table} where problem_id = $1", problem) == 1


async def struck_off(guarded: System) -> str:
    """Report a problem, and carry it to its strike-off; its id."""
    report = {
        "id": uuid4().hex, "source": "citizens", "jurisdiction": "smallville", "channel": "hotline",
        "title": "河水发臭", "category": "river", "area": "north-town",
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=guarded.urls["gateway"], timeout=60) as gateway:
        problem = (await gateway.post("/v1/reports", json=report)).json()["problem_id"]
    async with httpx2.AsyncClient(base_url=guarded.urls["api"], timeout=60, headers=guarded.bearer) as api:
        path = f"/v1/problems/{problem}"

        async def status() -> Any:
            answer = await api.get(path)
            return answer.json()["status"] if answer.status_code == 200 else None

        async def dispatched() -> bool:
            return str(await status()) == "dispatched"

        await eventually(dispatched)
        lead = (await api.get(path)).json()["lead_unit"]
        seal = {"uri": "https://evidence.example/1.jpg", "sha256": "0" * 64}
        for body in (
            {"action": "acknowledge", "actor": {"unit": lead}},
            {"action": "complete", "actor": {"unit": lead}, "outcome": "rectified"},
            {"action": "verify", "actor": {"unit": "office"}, "passed": True},
            {"action": "check", "actor": {"unit": "office"}, "check": "clear", "evidence": [seal]},
            {"action": "check", "actor": {"unit": "office"}, "check": "satisfied", "evidence": [seal]},
            {"action": "strike_off", "actor": {"unit": "office"}},
        ):
            done = await api.post(f"{path}/actions?wait=30", json=body)
            assert done.status_code == 200, done.text
        assert await status() == "struck_off"
    return str(problem)


async def _value(url: str, sql: str, *values: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


async def test_who_compares_the_certificate_of_the_database_comes_to_no_other(guarded: System) -> None:
    url = (guarded.folder / "secrets/DUBAN_DATABASE-router").read_text()
    assert await _value(url, "select current_user") == "duban_router"
    bare = url.partition("?")[0]
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await asyncpg.connect(f"{bare}?sslmode=disable")
    assert guarded.stack.authority is not None
    another = guarded.stack.authority.issue("another")
    with pytest.raises(OSError, match="certificate verify failed"):
        await asyncpg.connect(f"{bare}?sslmode=verify-full&sslrootcert={another}")


def test_no_secret_stands_in_an_argument_an_environment_or_a_log(guarded: System) -> None:
    secrets = {file.name: file.read_text() for file in (guarded.folder / "secrets").iterdir()}
    words = {name: _password(text) for name, text in secrets.items()}
    assert len(words) > len(SERVED)
    processes = [Path(f"/proc/{pid}") for pid in guarded.pids.values()]
    places = [place / what for place in processes for what in ("cmdline", "environ")]
    logs = list((guarded.folder / "logs").iterdir())
    shown = [
        (str(place), name) for place in places + logs for name, word in words.items() if word in place.read_bytes()
    ]
    assert shown == []


def _password(secret: str) -> bytes:
    """The password in a secret, which may be a URL."""
    return (secret.partition("@")[0].rpartition(":")[2] if "://" in secret else secret).encode()


def options(guarded: System, name: str) -> dict[str, Any]:
    """How the principal ``name`` comes to the brokers, by a certificate."""
    stack = guarded.stack
    assert stack.authority is not None
    assert stack.broker is not None
    certificate = str(stack.authority.issue(f"{PREFIX}{name}"))
    return {
        "bootstrap.servers": stack.broker.certified, "security.protocol": "ssl", "log_level": 0,
        "ssl.ca.location": str(stack.authority.file), "ssl.certificate.location": certificate,
        "ssl.key.location": certificate,
    }  # fmt: skip


def writable(settings: dict[str, Any]) -> set[str]:
    """The topics that take a record."""
    taken: set[str] = set()
    producer = Producer({**settings, "acks": 1, "message.timeout.ms": 15_000})

    def told(error: Any, message: Any) -> None:
        if error is None:
            taken.add(message.topic())
        else:
            assert error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._MSG_TIMED_OUT), error

    for topic in DECLARED.topics:
        producer.produce(topic, b"{}", key=b"test", partition=0, on_delivery=told)
    producer.flush(20)
    return taken


async def test_rights_are_brought_to_the_table_and_what_others_may_is_told(guarded: System, duban: Run) -> None:
    from duban_cli.kafka_admin import KafkaAdministration
    from duban_local.rights import Right

    assert lines(await duban("kafka", "acl", "apply", "--diff", "--json")) == []
    administration = KafkaAdministration(guarded.settings)
    too_much = Right("User:duban-api", "Write", "topic", "duban.problems.v1")
    missing = Right("User:duban-router", "Read", "topic", "duban.packs.v1")
    foreign = Right("User:somebody", "Write", "topic", "duban.commands", pattern="prefixed")
    await administration.grant([too_much, foreign])
    await administration.revoke([missing])
    planned = lines(await duban("kafka", "acl", "apply", "--diff", "--json", code=1))
    assert [(line["action"], line["principal"], line["name"]) for line in planned] == [
        ("grant", "User:duban-router", "duban.packs.v1"),
        ("revoke", "User:duban-api", "duban.problems.v1"),
        ("foreign", "User:somebody", "duban.commands"),
    ]
    await duban("kafka", "acl", "apply")
    assert [line["action"] for line in lines(await duban("kafka", "acl", "apply", "--diff", "--json"))] == ["foreign"]
    await administration.revoke([foreign])


async def test_a_source_with_a_principal_may_write_reports_until_it_is_off(guarded: System, duban: Run) -> None:
    await duban("source", "add", "hotline", "--jurisdiction", "smallville", "--principal", "hotline-producer")
    [granted] = lines(await duban("kafka", "acl", "apply", "--json"))
    assert (granted["action"], granted["principal"], granted["operation"], granted["name"]) == (
        "grant", "User:hotline-producer", "Write", "duban.reports.v1",
    )  # fmt: skip
    assert guarded.stack.authority is not None
    certificate = str(guarded.stack.authority.issue("hotline-producer"))
    settings = {**options(guarded, "api"), "ssl.certificate.location": certificate, "ssl.key.location": certificate}
    assert await asyncio.to_thread(writable, settings) == {"duban.reports.v1"}
    from duban_cli.kafka_admin import KafkaAdministration
    from duban_local.rights import Right

    # What it was given otherwise is not ours to take: that is told.
    foreign = Right("User:hotline-producer", "Read", "topic", "duban.reports.v1")
    administration = KafkaAdministration(guarded.settings)
    await administration.grant([foreign])
    await duban("source", "add", "desk", "--jurisdiction", "smallville", "--principal", "hotline-producer")
    await duban("source", "off", "hotline")
    assert [line["action"] for line in lines(await duban("kafka", "acl", "apply", "--diff", "--json"))] == ["foreign"]
    await duban("source", "off", "desk")
    planned = lines(await duban("kafka", "acl", "apply", "--diff", "--json", code=1))
    expected = [("revoke", "User:hotline-producer", "Write"), ("foreign", "User:hotline-producer", "Read")]
    assert [(line["action"], line["principal"], line["operation"]) for line in planned] == expected
    await duban("kafka", "acl", "apply")
    assert [line["action"] for line in lines(await duban("kafka", "acl", "apply", "--diff", "--json"))] == ["foreign"]
    assert await asyncio.to_thread(writable, settings) == set()
    await administration.revoke([foreign])


async def test_users_are_made_of_the_files_that_are_there_and_a_password_is_renewed_when_it_is_asked_for(
    guarded: System, duban: Run, tmp_path: Path
) -> None:
    for name in ("operator", "router"):
        (tmp_path / name).write_text(f"a password of {name}\n")
    where = f"{tmp_path}/NAME"
    planned = lines(await duban("kafka", "users", "apply", "--passwords", where, "--diff", "--json", code=1))
    assert [(line["action"], line["user"]) for line in planned] == [("create", "duban-operator")]
    await duban("kafka", "users", "apply", "--passwords", where)
    await duban("kafka", "users", "apply", "--passwords", where, "--diff")
    renewed = lines(await duban("kafka", "users", "apply", "--passwords", where, "--renew", "operator", "--json"))
    assert [(line["action"], line["user"]) for line in renewed] == [("renew", "duban-operator")]
    (tmp_path / "operator").write_text("short\n")
    assert "16 or more" in (await duban("kafka", "users", "apply", "--passwords", where, code=2)).stderr
    assert "NAME" in (await duban("kafka", "users", "apply", "--passwords", str(tmp_path), code=2)).stderr


async def asked(guarded: System, name: str, *requests: Request[Any]) -> list[Any]:
    """What a broker answers the principal ``name``."""
    assert guarded.stack.authority is not None
    certificate = guarded.stack.authority.issue(f"{PREFIX}{name}")
    settings = guarded.settings.model_copy(update={"kafka_certificate": certificate})
    client = AIOKafkaClient(**connection(settings, "test"))
    await client.bootstrap()
    try:
        return [await client.send(client.get_random_node(), request) for request in requests]
    finally:
        await client.close()


async def readable(guarded: System, name: str) -> set[str]:
    """The topics of which records are given."""
    places = [(topic, [(0, 0, 1_000)]) for topic in DECLARED.topics]
    [answer] = await asked(guarded, name, FetchRequest(0, 0, 1_000_000, 0, places))
    codes = {topic: partitions[0][1] for topic, partitions in answer.topics}
    assert codes.keys() == DECLARED.topics.keys()
    assert set(codes.values()) <= {0, TopicAuthorizationFailedError.errno}
    return {topic for topic, code in codes.items() if code == 0}


async def joinable(guarded: System, name: str) -> set[str]:
    """The groups of which one may be a member, without becoming one."""
    groups = [group for principal in DECLARED.principals.values() for group in principal.groups]
    answers = await asked(guarded, name, *(HeartbeatRequest(group, -1, "nobody") for group in groups))
    codes = {group: answer.error_code for group, answer in zip(groups, answers, strict=True)}
    assert set(codes.values()) <= {UnknownMemberIdError.errno, GroupAuthorizationFailedError.errno}
    return {group for group, code in codes.items() if code == UnknownMemberIdError.errno}


async def test_passwords_that_are_changed_are_taken_up_from_their_files_by_services_that_run(guarded: System) -> None:
    from duban_cli.kafka_admin import KafkaAdministration

    stack, router = guarded.stack, str(uuid4())
    assert stack.broker is not None
    pids = dict(guarded.supervisor.pids)
    names = ("router", "detector")
    words = {f"{PREFIX}{name}": f"another password of {name}" for name in names}
    await KafkaAdministration(guarded.settings).set_passwords(words, "SCRAM-SHA-512")
    await stack.broker.stop()
    await stack.broker.start()  # every connection is made anew
    async with httpx2.AsyncClient(timeout=60) as client:

        async def state(name: str) -> Any:
            return (await client.get(f"{guarded.health[name]}/readyz")).json()

        async def are_told() -> bool:
            told = [(await state(name)).get("errors", {}).get("broker", "") for name in names]
            return all(f"User:{PREFIX}{name} is refused" in words for name, words in zip(names, told, strict=True))

        async def are_ready() -> bool:
            return all([(await state(name))["ready"] for name in SERVED])

        await eventually(are_told, within=60)
        for name in names:
            stack.secret(f"kafka-{name}", words[f"{PREFIX}{name}"])
        await eventually(are_ready, within=60)
        # The database hangs up on nobody whose password changes, so it is told to.
        file = guarded.folder / "secrets/DUBAN_DATABASE-router"
        url = file.read_text()
        owner = await asyncpg.connect(guarded.superuser)
        await owner.execute(f"alter role duban_router password '{router}'")
        await owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'duban_router'")

        await owner.close()

        async def router_is_told() -> bool:
            return "password authentication failed" in (await state("router")).get("errors", {}).get("database", "")

        await eventually(router_is_told)
        file.write_text(url.replace(_password(url).decode(), router))
        await eventually(are_ready, within=60)
    assert guarded.supervisor.pids == pids
    await struck_off(guarded)


async def test_the_pages_of_operators_look_and_send_back_by_the_rights_of_their_own_principals(guarded: System) -> None:
    """The table gives ``pages`` what the pages look at and ``replay`` what they send: more than they need is none."""
    dlq, home = "duban.commands.v1.duban-router.dlq", "duban.commands.v1"
    producer = Producer(options(guarded, "replay"))
    producer.produce(home, b"no json", b"key")
    assert producer.flush(20) == 0
    token = await signed_in(guarded, "guarded-operator", Appointment(role=Role.OPERATOR))
    url = guarded.urls["api"]
    headers = {"origin": url, "accept-language": "en"}
    async with httpx2.AsyncClient(base_url=url, timeout=60, cookies={"duban": token}, headers=headers) as browser:

        async def shown(path: str) -> str:
            answer = await browser.get(f"/operation{path}")
            assert answer.status_code == 200, (path, answer.text)
            return answer.text

        for path, what in (
            ("/topics", dlq), ("/deadlines", "Late deadlines"), ("/sources", "Sources"), ("/anchors", "Chains"),
        ):  # fmt: skip
            assert what in await shown(path), path

        async def letter_lies_there() -> bool:
            return f"/operation/letters/{dlq}/" in await shown(f"/letters/{dlq}")

        async def group_is_seen() -> bool:
            return "<td>duban.commands.v1</td>" in await shown("")

        await eventually(letter_lies_there)
        await eventually(group_is_seen)
        [way, *_] = re.findall(rf"/operation/letters/{dlq}/\d+/\d+", await shown(f"/letters/{dlq}"))
        sent = await browser.post(way, data={"why": "mended", "step": "send"})
        assert f"It went back to {home}" in sent.text


# Last, for what is written leaves no message in any topic that could be read.
@pytest.mark.parametrize("name", DECLARED.principals)
async def test_each_principal_may_do_what_the_table_says_cell_by_cell(guarded: System, name: str) -> None:
    own = [right for right in rights(DECLARED) if right.principal == principal_of(name)]
    cells = (("Write", "topic"), ("Read", "topic"), ("Read", "group"))
    declared = [{right.name for right in own if (right.operation, right.resource) == cell} for cell in cells]
    written = await asyncio.to_thread(writable, options(guarded, name))  # the client blocks
    assert [written, await readable(guarded, name), await joinable(guarded, name)] == declared


def test_a_topic_that_nobody_declared_is_not_made(guarded: System) -> None:
    producer = Producer({**options(guarded, "admin"), "message.timeout.ms": 3_000})
    errors: list[int] = []
    producer.produce("duban.unknown.v1", b"{}", on_delivery=lambda error, _: errors.append(error.code()))
    producer.flush(10)
    assert errors[0] in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MSG_TIMED_OUT)
    assert "duban.unknown.v1" not in producer.list_topics(timeout=10).topics
