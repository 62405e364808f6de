"""The pages for the public on the running engine: a report by a form becomes a problem, and is followed by its code."""

from __future__ import annotations

import re
import shlex

import httpx2
import pytest

from duban_cli.system import System
from tests.commanding import Run, command_on
from tests.conftest import eventually
from tests.snippets import snippet

pytestmark = pytest.mark.stack

CITY = "/city/smallville"


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


async def test_what_is_reported_by_a_form_is_in_the_ledger_and_followed_by_its_code(duban: Run, system: System) -> None:
    instead = {"mianyang/site": "smallville/site", "mianyang": "smallville", "report-platform": "hotline"}
    await duban(*shlex.split(snippet("integrating.md", "site", instead))[1:])
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], headers={"accept-language": "en"}) as browser:

        async def is_there() -> bool:
            return (await browser.get(CITY)).status_code == 200

        await eventually(is_there)
        form = (await browser.get(f"{CITY}/report")).text
        answers = dict(re.findall(r'<input type="hidden" name="(number|secret)" value="([^"]+)">', form))
        answers |= {"category": "noise", "title": "Drilling at night", "area": "north", "address": "Mill Lane"}
        receipt = await browser.post(f"{CITY}/report", data=answers)
        assert receipt.status_code == 200, receipt.text
        codes = re.findall(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", receipt.text)
        own = {"number": answers["number"], "code": codes[0] if codes else ""}

        async def is_given_out() -> bool:
            page = await browser.post(f"{CITY}/follow", data=own)
            return page.status_code == 200 and "Given to the unit responsible" in page.text

        await eventually(is_given_out)
        assert "Drilling at night" in (await browser.get(f"{CITY}/problems")).text
        feed = (await browser.get(f"{CITY}/problems.rss")).text
        assert "Drilling at night: Given to the unit responsible" in feed
        assert (await browser.get(f"{CITY}/board")).status_code == 200, "the gateway's role may read the view"
