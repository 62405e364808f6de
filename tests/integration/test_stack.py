"""The embedded broker and database, started for real: what they promise to whoever runs on them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from duban_local import jars, topics
from duban_local.children import StackError, until
from duban_local.stack import Stack, find_running
from tests.conftest import fetchval

pytestmark = pytest.mark.stack

REPORTS = "duban.reports.v1"


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the embedded servers, also in a run that uses others."""
    monkeypatch.delenv("DUBAN_KAFKA", raising=False)
    monkeypatch.delenv("DUBAN_DATABASE", raising=False)


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DUBAN_KAFKA", raising=False)
        environment.delenv("DUBAN_DATABASE", raising=False)
        parts = Stack(tmp_path_factory.mktemp("stack"), kafka_port=0, database_port=0)
    async with parts:
        yield parts


async def test_topics_are_applied_once_and_then_left_alone(stack: Stack) -> None:
    planned = await topics.apply(stack.kafka, dry_run=True)
    created = await topics.apply(stack.kafka)
    assert [change.topic for change in created] == [topic.name for topic in topics.declared()]
    assert planned == created
    assert await topics.apply(stack.kafka) == []


async def test_two_who_apply_at_once_make_each_topic_once(stack: Stack) -> None:
    wanted = [topics.Topic(f"test.at-once.{number}", 1, {"retention.ms": "1000"}) for number in range(20)]
    made = await asyncio.gather(*(topics.apply(stack.kafka, wanted) for _ in range(2)))
    assert sorted(change.topic for changes in made for change in changes) == sorted(topic.name for topic in wanted)


async def test_a_setting_that_differs_is_altered_and_nothing_else(stack: Stack) -> None:
    await topics.apply(stack.kafka)
    first, *_ = topics.declared()
    shorter = replace(first, config={**first.config, "retention.ms": "1000"})
    (change,) = await topics.apply(stack.kafka, [shorter])
    assert (change.topic, change.action) == (first.name, "alter")
    assert change.detail == f"retention.ms: {first.config['retention.ms']} → 1000"
    (back,) = await topics.apply(stack.kafka)
    assert back.topic == first.name


async def test_a_partition_count_is_never_changed(stack: Stack) -> None:
    await topics.apply(stack.kafka)
    with pytest.raises(StackError, match=r"duban\.reports\.v1 has 4 partitions, 8 are wanted"):
        await topics.apply(stack.kafka, partitions=8)
    assert await topics.apply(stack.kafka) == []


async def test_a_report_of_one_megabyte_passes_and_carries_the_brokers_time(stack: Stack) -> None:
    await topics.apply(stack.kafka)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, max_request_size=2_000_000) as producer:
        kept = await producer.send_and_wait(REPORTS, bytes(1_000_000), timestamp_ms=1)
    assert kept.timestamp_type == 1, "LogAppendTime"
    assert kept.timestamp > 1_700_000_000_000


async def test_no_topic_appears_by_being_written_to(stack: Stack) -> None:
    await topics.apply(stack.kafka)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, request_timeout_ms=1000) as producer:
        with pytest.raises(Exception, match=r"(?i)topic|unknown|timed"):
            await asyncio.wait_for(producer.send_and_wait("duban.misspelt.v1", b"x"), 60)
    assert "duban.misspelt.v1" not in await _topic_names(stack)


async def test_a_database_is_copied_from_a_template(stack: Stack) -> None:
    assert stack.server is not None
    original = await stack.server.create_database("original")
    await _execute(original, "CREATE TABLE seal (n int)")
    copy = await stack.server.create_database("Copy 1", template="original")
    await _execute(copy, "INSERT INTO seal VALUES (1)")
    assert await fetchval(copy, "SELECT count(*) FROM seal") == 1
    assert await fetchval(original, "SELECT count(*) FROM seal") == 0


async def test_both_listen_on_loopback_only(stack: Stack) -> None:
    for name, pid in stack.pids.items():
        listening = [one.laddr.ip for one in psutil.Process(pid).net_connections() if one.status == "LISTEN"]
        assert listening, name
        assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}, name


async def test_a_second_stack_in_the_folder_is_told_of_the_first(stack: Stack) -> None:
    told = find_running(stack.folder)
    assert told is not None
    assert (told.pid, told.kafka) == (os.getpid(), stack.kafka)
    assert (told.database, told.owner) == (stack.database_of("reader"), stack.owner)
    with pytest.raises(StackError, match=rf"already \(process {os.getpid()}\).*{stack.kafka}"):
        await Stack(stack.folder, kafka_port=0, database_port=0).start()
    assert await fetchval(stack.superuser, "SELECT 1") == 1, "the first goes on"


async def test_data_survive_a_restart_and_fresh_wipes_them(tmp_path: Path) -> None:
    async with Stack(tmp_path, kafka_port=0, database_port=0) as stack:
        await topics.apply(stack.kafka)
        async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
            await producer.send_and_wait(REPORTS, b"kept", partition=0)
        await _execute(stack.superuser, "CREATE TABLE kept AS SELECT 7 AS n")
    assert find_running(tmp_path) is None

    async with Stack(tmp_path, kafka_port=0, database_port=0) as stack:
        async with AIOKafkaConsumer(REPORTS, bootstrap_servers=stack.kafka, auto_offset_reset="earliest") as consumer:
            assert (await asyncio.wait_for(consumer.getone(), 60)).value == b"kept"
        assert await fetchval(stack.superuser, "SELECT n FROM kept") == 7

    async with Stack(tmp_path, kafka_port=0, database_port=0, fresh=True) as stack:
        assert REPORTS not in await _topic_names(stack)
        assert await fetchval(stack.superuser, "SELECT to_regclass('kept')") is None


async def test_a_broker_that_was_killed_comes_back_at_its_port_with_what_it_held(stack: Stack) -> None:
    await topics.apply(stack.kafka)
    assert stack.broker is not None
    assert stack.broker.child is not None
    before, killed = stack.kafka, stack.pids["kafka"]
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all") as producer:
        kept = await producer.send_and_wait("duban.commands.v1", b"accepted", partition=3)
    await stack.broker.child.kill()
    await stack.broker.start()
    assert stack.kafka == before
    assert stack.pids["kafka"] != killed
    async with AIOKafkaConsumer(bootstrap_servers=stack.kafka) as consumer:
        place = TopicPartition("duban.commands.v1", 3)
        consumer.assign([place])
        consumer.seek(place, kept.offset)
        assert (await asyncio.wait_for(consumer.getone(), 60)).value == b"accepted"


@pytest.mark.parametrize(
    ("part", "variable"), [("kafka_port", "DUBAN_KAFKA_PORT"), ("database_port", "DUBAN_DATABASE_PORT")]
)
async def test_a_taken_port_is_named_with_what_moves_it(tmp_path: Path, part: str, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stack = Stack(tmp_path, **{"kafka_port": 0, "database_port": 0, part: port})
        with pytest.raises(StackError, match=rf"127\.0\.0\.1:{port}.*set {variable} to another one"):
            await stack.start()
    assert not _left_in(tmp_path), "the part that could start was stopped again"


async def test_a_broker_and_a_database_that_end_by_themselves_are_started_again_with_their_data(
    tmp_path: Path,
) -> None:
    lines: list[tuple[str, str]] = []

    def say(part: str, line: str) -> None:
        lines.append((part, line))

    async with Stack(tmp_path, kafka_port=0, database_port=0, keeps=True, say=say) as stack:
        connection = await asyncpg.connect(stack.superuser)
        await connection.execute("create table kept as select 7 as n")
        await connection.close()
        before = stack.pids
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        async def again() -> bool:
            return {part for part, line in lines if line == "serves again"} == {"kafka", "postgres"}

        await until(again, "broker and database were not started again", 60)
        assert not set(stack.pids.values()) & set(before.values())
        assert await fetchval(stack.superuser, "select n from kept") == 7
        assert any("ended with -9" in line for part, line in lines if part == "kafka")
    assert not _left_in(tmp_path), "what was started again is stopped, too"


async def test_servers_named_in_the_environment_are_used_and_none_started(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_KAFKA", stack.kafka)
    monkeypatch.setenv("DUBAN_DATABASE", stack.superuser)
    async with Stack(tmp_path) as borrowed:
        assert borrowed.kafka == stack.kafka
        assert {borrowed.database_of("router"), borrowed.owner, borrowed.superuser} == {stack.superuser}
        assert borrowed.pids == {}
    assert await fetchval(stack.superuser, "SELECT 1") == 1, "not ours to stop"


_RUNS_A_STACK = """
import asyncio, pathlib, sys
from duban_local.stack import Stack

async def run():
    async with Stack(pathlib.Path(sys.argv[1]), kafka_port=0, database_port=0):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(run())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
async def test_no_server_outlives_a_parent_that_was_killed_and_the_folder_is_usable_again(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUNS_A_STACK, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"up\n"
    assert _left_in(tmp_path)
    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not _left_in(tmp_path)

    await until(gone, "the servers did not end", within=60)
    async with Stack(tmp_path, kafka_port=0, database_port=0) as stack:
        assert await fetchval(stack.superuser, "SELECT 1") == 1


async def test_a_jar_that_is_not_what_the_lock_names_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository of our own, filled by links to the machine's, one jar cut short; the mirror is the machine's."""
    said: list[str] = []
    good = jars.classpath(lambda _, line: said.append(line))
    root = next(parent for parent in good[0].parents if parent.name == "org").parent
    for jar in good:
        place = tmp_path / jar.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(jar)
    smallest = min(good, key=lambda jar: jar.stat().st_size)
    spoilt = tmp_path / smallest.relative_to(root)
    spoilt.unlink()
    spoilt.write_bytes(smallest.read_bytes()[:-1])
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    said.clear()
    with _served(root) as mirror:
        monkeypatch.setenv(jars.MIRROR_VARIABLE, mirror)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert spoilt in jars.classpath(lambda _, line: said.append(line))
    assert said == ["fetching 1 jars, once"]
    assert spoilt.read_bytes() == smallest.read_bytes()


def test_the_lock_names_no_host_and_every_jar_has_its_checksum() -> None:
    written = jars.LOCK.read_text()
    assert "://" not in written
    assert written.count("[[dependencies]]") == written.count("sha256 = ") > 40


@contextmanager
def _served(root: Path) -> Iterator[str]:
    """The files under ``root`` over HTTP, for as long as the block runs; the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=root)) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


async def _topic_names(stack: Stack) -> set[str]:
    async with AIOKafkaConsumer(bootstrap_servers=stack.kafka) as consumer:
        return set(await consumer.topics())


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _left_in(folder: Path) -> list[int]:
    """Servers that run with their data in ``folder``."""
    found = []
    for process in psutil.process_iter(["cmdline", "name"]):
        words = process.info["cmdline"] or []
        if process.info["name"] in ("java", "postgres") and any(str(folder) in word for word in words):
            found.append(process.pid)
    return found
