"""Policies as pages: a pack in sentences, in either language, and a draft that is checked and compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest

from duban_console.accounts.account import Role
from duban_console.policies.markup import rendered
from tests.given import SMALL
from tests.unit.test_page_access import Visit

TEXT: Final = SMALL.read_text("utf-8")
DRAFT: Final = TEXT.replace("version: 1", "version: 2", 1).replace("hours: 72", "hours: 48", 1)


@pytest.fixture
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    visit = Visit()
    token = await visit.person(Role.CLERK)
    async with visit.browser(token, **{"accept-language": "en"}) as client:
        yield client


async def judged(browser: httpx2.AsyncClient, text: str, **more: Any) -> str:
    answer = await browser.post("/drafts", data={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_packs_are_listed_and_each_is_told_in_the_language_of_who_reads(browser: httpx2.AsyncClient) -> None:
    assert '<a href="/packs/small%401">A small city</a>' in (await browser.get("/packs")).text
    assert "<h1>A small city</h1>" in (await browser.get("/packs/small@1")).text
    chinese = {"accept-language": "zh-CN"}
    assert ">小城</a>" in (await browser.get("/packs", headers=chinese)).text
    page = (await browser.get("/packs/small@1", headers=chinese)).text
    assert "<h1>小城</h1>" in page
    assert page.count("<h1>") == 1
    assert (await browser.get("/packs/small@9")).status_code == 404


def test_nothing_that_a_pack_says_runs_in_a_page() -> None:
    links = "[b](javascript:alert(1)) ![c](https://elsewhere.example/d.png)"
    shown = rendered(f"# <script>a</script>\n\n{links}\n\n<img src=x onerror=e>")
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown


async def test_a_draft_is_checked_and_set_beside_what_holds(browser: httpx2.AsyncClient) -> None:
    page = await judged(browser, DRAFT)
    assert "small@2 breaks no law." in page
    assert "Beside small@1:" in page
    assert "48" in page.partition("What it changes")[2].partition("<form")[0]
    assert "Nothing: it says what small@1 says." in await judged(browser, TEXT)
    assert "No pack of this name" in await judged(browser, DRAFT.replace("id: small", "id: other", 1))
    assert "Beside small@1:" in await judged(browser, DRAFT.replace("id: small", "id: other", 1), against="small@1")
    assert "calendar mars is not published" in await judged(browser, DRAFT.replace("calendar: cn", "calendar: mars", 1))


async def test_what_is_wrong_with_a_draft_is_said_and_what_is_written_in_it_runs_nowhere(
    browser: httpx2.AsyncClient,
) -> None:
    broken = await judged(browser, DRAFT.replace("office: office", "office: nowhere", 1))
    assert "The first law that it breaks:" in broken
    assert "nowhere is not among the units" in broken
    chinese = DRAFT.replace("office: office", "office: nowhere", 1)
    answer = await browser.post("/drafts", data={"text": chinese}, headers={"accept-language": "zh-CN"})
    assert "<code>office</code> units 中没有 nowhere" in answer.text
    answer = await browser.post("/drafts", data={"text": "id: a\nid: b"}, headers={"accept-language": "zh-CN"})
    assert "<code>第 2 行第 1 列</code> 不是有效的 YAML：键 id 出现了两次" in answer.text
    assert "What it changes" not in broken
    assert "<script>" not in await judged(browser, "id: <script>alert(1)</script>")
    assert "is a calendar, and no pack" in await judged(
        browser, "years: {}\nid: x\nversion: 1\ntimezone: Asia/Shanghai\n"
    )
    for text in ("", "  \n"):
        answer = await browser.post("/drafts", data={"text": text})
        assert (answer.status_code, "Choose a file" in answer.text) == (400, True)


async def test_advice_is_given_in_the_language_of_who_reads(browser: httpx2.AsyncClient) -> None:
    assert "nothing depends on hard" in await judged(browser, TEXT)
    answer = await browser.post("/drafts", data={"text": TEXT}, headers={"accept-language": "zh-CN"})
    assert "没有任何规定用到标记 hard" in answer.text
    assert "nothing depends" not in answer.text


async def test_a_draft_may_be_a_file(browser: httpx2.AsyncClient) -> None:
    files = {"file": ("draft.yaml", DRAFT.encode(), "text/yaml")}
    assert "small@2 breaks no law." in (await browser.post("/drafts", files=files)).text
    wrong = await browser.post("/drafts", files={"file": ("draft.yaml", b"\xff\xfe", "text/yaml")})
    assert wrong.status_code == 400
    large = await browser.post("/drafts", files={"file": ("draft.yaml", b"x" * 200_000, "text/yaml")})
    assert large.status_code == 413
