"""The ways at the top of a page: whatever a server lacks, each of them, and a day's first page, leads somewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import pytest
from fastapi import FastAPI

from duban_console.accounts.account import OF_INSTALLATION, WITHOUT_UNIT, Appointment, Role
from tests.given import rules_with
from tests.page_town import Town, browser
from tests.sample_operation import operation_of

AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
_NAV: Final = re.compile(r'<nav class="ways".*?</nav>', re.DOTALL)
_HREF: Final = re.compile(r'href="([^"]+)"')


@pytest.fixture(scope="module")
async def people() -> tuple[Town, dict[Role, str]]:
    """A city, and the token of somebody in each role."""
    town, tokens = Town(rules_with(), AT), {}
    for role in Role:
        unit = None if role in WITHOUT_UNIT else "water" if role in (Role.CLERK, Role.HEAD) else "office"
        where = {} if role in OF_INSTALLATION else {"jurisdiction": "smallville", "unit": unit}
        tokens[role] = await town.room.person(f"p-{role}", Appointment(role=role, **where))
    return town, tokens


async def ways(app: FastAPI, token: str) -> tuple[str, list[str]]:
    """Where a day begins, and the ways from there; each of these pages is there."""
    async with browser(app, token) as reader:
        first = (await reader.get("/")).headers["location"]
        page = await reader.get(first)
        assert page.status_code == 200, first
        nav = _NAV.search(page.text)
        assert nav is not None, first
        hrefs = _HREF.findall(nav[0])
        for href in hrefs:
            assert (await reader.get(href)).status_code == 200, href
    assert first in hrefs
    return first, hrefs


@pytest.mark.parametrize("has_desk", [True, False], ids=["desk", "no-desk"])
@pytest.mark.parametrize("has_operation", [True, False], ids=["operation", "no-operation"])
async def test_every_way_that_is_shown_leads_to_a_page_whatever_the_server_lacks(
    people: tuple[Town, dict[Role, str]], has_desk: bool, has_operation: bool
) -> None:
    town, tokens = people
    app = town.app(operation=operation_of(town.clock) if has_operation else None, has_desk=has_desk)
    begins = {role: await ways(app, token) for role, token in tokens.items()}
    assert begins[Role.OPERATOR][0] == ("/operation" if has_operation else "/packs")
    assert begins[Role.OFFICE][0] == ("/inbox" if has_desk else "/bulletins")
    assert {role for role, (_, hrefs) in begins.items() if "/operation" in hrefs} == (
        {Role.OPERATOR} if has_operation else set()
    )
    assert ("/ledger" in begins[Role.AUDITOR][1]) is has_desk
