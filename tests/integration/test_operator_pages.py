"""The pages of an operator on the engine as it runs: services, groups, topics, letters and their way back, anchors."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaProducer

from duban.io.settings import Settings
from duban.messages.audit import LetterReplayed
from duban_cli.system import System
from duban_console.accounts.account import Appointment, Role
from duban_console.kafka.audit import audit_lines
from duban_console.kafka.letter_replay import Letter, letters
from tests.accounts import signed_in
from tests.conftest import eventually

pytestmark = pytest.mark.stack

DLQ = "duban.commands.v1.duban-router.dlq"


@pytest.fixture
async def browser(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """An operator before their browser."""
    token = await signed_in(system, f"o{uuid4().hex[:8]}", Appointment(role=Role.OPERATOR))
    url = system.urls["api"]
    async with httpx2.AsyncClient(
        base_url=url, timeout=60, cookies={"duban": token}, headers={"origin": url, "accept-language": "en"}
    ) as client:
        yield client


async def page(browser: httpx2.AsyncClient, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


async def test_services_groups_topics_sources_and_anchors_are_shown_with_their_names_in_prometheus(
    browser: httpx2.AsyncClient, system: System
) -> None:
    overview = ""

    async def every_service_answers() -> bool:  # one that is slow to is shown without its version
        nonlocal overview
        overview = await page(browser, "/operation")
        versions = re.findall(r'<td class="number">\d+\.\d+\.\d+</td>', overview)
        return len(versions) == len(system.health) and "not ready" not in overview

    await eventually(every_service_answers)
    for name in ("router", "intake", "gateway", "api"):
        assert f'<th scope="col" class="number">{name}</th>' in overview
    for figure in ("duban_ready", "duban_service_info", "duban_lag_records", "duban_oldest_in_hand_seconds"):
        assert f"<code>{figure}</code>" in overview
    topics = await page(browser, "/operation/topics")
    assert f'<a href="/operation/letters/{DLQ}">' in topics
    assert "duban.problems.v1" in topics
    assert "__consumer_offsets" not in topics
    sources = await page(browser, "/operation/sources")
    assert "duban_silent_sources" in sources
    assert "No source is registered" not in sources
    anchors = await page(browser, "/operation/anchors")
    assert "findings" not in anchors
    assert "Late deadlines" in await page(browser, "/operation/deadlines")
    async with httpx2.AsyncClient(timeout=60) as prometheus:

        async def says_it_all() -> bool:
            told = (await prometheus.get(f"{system.health['api']}/metrics")).text
            return all(f"\nduban_{name}" in told for name in ("topic_records", "topic_partitions", "overdue_deadlines"))

        await eventually(says_it_all)
    chinese = (await browser.get("/operation", headers={"accept-language": "zh-CN"})).text
    assert "消费组及其积压" in chinese


async def test_a_deadline_that_nobody_answers_is_shown_with_how_late_it_is_and_where_it_lies(
    browser: httpx2.AsyncClient, system: System
) -> None:
    """As escalation would have armed it, which does not run in this engine; one that is not due yet is not shown."""
    late, early = uuid4(), uuid4()
    now = datetime.now(UTC)
    connection = await asyncpg.connect(system.superuser)
    try:
        for record, due_at in ((late, now - timedelta(hours=2)), (early, now + timedelta(hours=2))):
            await connection.execute(
                "insert into escalation.deadlines (problem_id, obligation, part, generation, level, due_at, fire_at, "
                "command, partition, jurisdiction) "
                "values ($1, 'receipt', 'police', 1, 2, $2, $2, $3, 3, 'smallville')",
                record, due_at, uuid4(),
            )  # fmt: skip
        shown = await page(browser, "/operation/deadlines")
        assert str(early) not in shown
        [row] = re.findall(rf"<tr>(?:(?!</tr>).)*{late}.*?</tr>", shown, re.DOTALL)
        seconds = re.search(r'<td class="number">\s*([\d,.]+)', row)
        assert seconds is not None
        assert float(seconds[1].replace(",", "")) >= 7200
        assert "receipt/police" in row
        assert "duban.problems.v1 3" in row
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch(
            "explain select * from escalation.published_deadlines where fire_at <= now() order by fire_at limit 100"
        )
        assert "deadlines_by_time" in "".join(line[0] for line in plan)
        assert "Sort" not in "".join(line[0] for line in plan)
    finally:
        await connection.execute("delete from escalation.deadlines where problem_id = any($1)", [late, early])
        await connection.close()


async def test_a_dead_letter_is_found_looked_at_and_sent_back_once_with_a_reason(
    browser: httpx2.AsyncClient, system: System
) -> None:
    settings = Settings(kafka=system.kafka)
    key = uuid4().hex.encode()
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"  # what others have laid aside may fill a page
    producer = AIOKafkaProducer(bootstrap_servers=system.kafka)
    await producer.start()
    await producer.send_and_wait("duban.commands.v1", b"<script>alert(1)</script>", key)
    await producer.stop()

    async def ours() -> list[Letter]:
        return [letter async for letter in letters(settings, [DLQ]) if letter.raw.key == key]

    async def laid_aside() -> bool:
        return bool(await ours())

    await eventually(laid_aside)

    async def committed() -> bool:
        return "duban-router" in await page(browser, "/operation")

    await eventually(committed)
    [letter] = await ours()

    async def told() -> list[LetterReplayed]:
        return [line async for line in audit_lines(settings) if line.letter == letter.place]

    code = letter.reason.code
    assert f"/operation/letters/{DLQ}?code={code}" in await page(browser, f"/operation/letters?code={code}")
    assert f"/operation/letters/{DLQ}?" not in await page(browser, "/operation/letters?because=nothing+like+this")
    way = f"/operation/letters/{DLQ}/{letter.place.partition}/{letter.place.offset}"
    assert f'href="{way}"' in await page(browser, f"/operation/letters/{DLQ}?since={since}")
    shown = await page(browser, way)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown

    nothing_said = await browser.post(way, data={"why": " ", "step": "send"})
    assert (nothing_said.status_code, "Say why it will work now." in nothing_said.text) == (400, True)
    looked = await browser.post(way, data={"why": "mended", "step": "look"})
    assert "Nothing was sent." in looked.text
    assert await told() == []
    sent = await browser.post(way, data={"why": "mended", "step": "send"})
    assert "It went back to duban.commands.v1" in sent.text
    again = await browser.post(way, data={"why": "mended", "step": "send"})
    assert "It does not go:" in again.text
    lines = await told()
    assert {(line.reason, line.by[0]) for line in lines} == {("mended", "o")}


async def test_what_is_not_there_is_no_page_and_who_is_no_operator_has_none(
    browser: httpx2.AsyncClient, system: System
) -> None:
    for path in ("duban.commands.v1", "nothing.dlq", f"{DLQ}/0/9999999"):
        assert (await browser.get(f"/operation/letters/{path}")).status_code == 404, path
    assert (await browser.get("/operation/letters?since=soon")).status_code == 400
    clerk = Appointment(role=Role.CLERK, jurisdiction="smallville", unit="water")
    token = await signed_in(system, f"c{uuid4().hex[:8]}", clerk)
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, cookies={"duban": token}) as other:
        assert (await other.get("/operation")).status_code == 403
        assert "/operation" not in (await other.get("/")).text
