"""Maps in a real browser: drawn over what a city has brought, under the policy of all pages, and left out where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from duban.messages.report import Location
from duban_console.accounts.account import Role
from duban_intake.vault.seal import Keyring, MasterKey
from tests.accounts import OWN
from tests.browser import DESKTOP, PHONE, Reader, chromium, reading
from tests.page_server import served
from tests.sample_city import SampleCity
from tests.unit.test_site import CITY, MAPS, Gateway, problem

SIZES = pytest.mark.parametrize(
    ("size", "locale"), [(DESKTOP, "zh-CN"), (PHONE, "en-GB")], ids=["desktop", "phone"]
)  # fmt: skip


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    gateway = Gateway(tmp_path, keyring=Keyring([MasterKey(b"k" * 32)]))
    gateway.shown.held = [problem(), problem("Oil on the brook", location=Location(latitude=30.22, longitude=120.1))]
    return gateway


async def drawn(reader: Reader) -> None:
    """Wait until the map of the page stands, and look at the page with it."""
    await reader.page.wait_for_selector('[data-map][data-drawn="now"]', timeout=120_000)
    await reader.check()


@SIZES
async def test_what_was_reported_stands_on_the_map_and_a_press_says_what_it_is(
    browser: Browser, gateway: Gateway, size: tuple[int, int], locale: str
) -> None:
    async with (
        served(gateway.app) as url,
        reading(browser, url, f"map-{size[0]}", size=size, locale=locale) as reader,
    ):
        await reader.go(f"{CITY}/problems")
        await drawn(reader)
        await reader.go(f"{CITY}/problems/{gateway.shown.held[1].id}")
        await drawn(reader)
        await reader.page.click("[data-map] canvas")
        await reader.page.wait_for_selector(".maplibregl-popup")
        assert "Oil on the brook" in await reader.page.inner_text(".maplibregl-popup")
        await reader.check()


@SIZES
async def test_a_place_is_chosen_on_the_map_by_a_press_or_as_its_middle(
    browser: Browser, gateway: Gateway, size: tuple[int, int], locale: str
) -> None:
    async with (
        served(gateway.app) as url,
        reading(browser, url, f"choice-{size[0]}", size=size, locale=locale) as reader,
    ):
        page = reader.page
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url))
        await reader.go(f"{CITY}/report")
        await reader.check()
        assert not any("maplibre" in each for each in loaded), "nothing is loaded before somebody opens the map"
        await page.click("[data-place] summary")
        await drawn(reader)
        fields = page.locator("[data-place] input")
        for press in ("[data-map] canvas", "[data-map] p button"):
            await page.click(press)
            latitude, longitude = [float(await fields.nth(at).input_value()) for at in (0, 1)]
            assert (abs(latitude - 30.275) < 0.01, abs(longitude - 120.15) < 0.01) == (True, True), "about the middle"
            assert f"{latitude:.6f}" in await page.inner_text("[data-place] [role=status]")
        await reader.check()
        await page.select_option("#category", "noise")
        await page.fill("#title", "Drilling")
        async with page.expect_navigation():
            await page.click("main form > button.main")
        [report] = gateway.reports
        assert report.location is not None
        assert (report.location.latitude, report.location.longitude) == (latitude, longitude)


async def test_without_a_script_the_list_is_there_and_no_map(browser: Browser, gateway: Gateway) -> None:
    async with served(gateway.app) as url, reading(browser, url, "no-script", script=False) as reader:
        for path in ("problems", "report"):
            await reader.go(f"{CITY}/{path}")
            assert not await reader.page.is_visible("[data-map]")
        await reader.go(f"{CITY}/problems")
        assert await reader.page.locator("ul.cards > li").count() == 2


async def test_the_page_of_a_problem_shows_its_place_and_what_is_open_near_by(browser: Browser) -> None:
    city = SampleCity()
    await city.settle()
    async with served(city.app(maps=MAPS)) as url:
        for size, locale in ((DESKTOP, "zh-CN"), (PHONE, "en-GB")):
            async with reading(browser, url, f"record-map-{size[0]}", size=size, locale=locale) as reader:
                await reader.sign_in(city.names[Role.OFFICE], OWN)
                await reader.go(f"/records/{city.ids[0]}")
                await drawn(reader)
                near = reader.page.locator("[data-point] a")
                assert await near.get_attribute("href") == f"/records/{city.ids[12]}"
