"""A real browser before the pages: Debian's Chromium, driven by playwright, with axe looking at what it shows."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from duban_local import ROOT

CHROMIUM: Final = Path("/usr/bin/chromium")
#: Where the picture of a page lies on which a test has failed.
FAILURES: Final = ROOT / ".duban/pages"
#: Maps are drawn without a graphics card.
_DRAWN: Final = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
#: Milliseconds in which a slow machine, too, shows what is waited for.
_PATIENCE: Final = 120_000
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)
_SOURCE: Final = ROOT / "tests/axe"
_FOLDER: Final = ROOT / ".duban/axe"
#: WCAG 2.1, A and AA.
_RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
_VIOLATIONS: Final = """
    (options) => axe.run(document, options).then(found => found.violations.map(
        violation => violation.id + ": " + violation.nodes.map(node => node.html.slice(0, 160)).join(" | ")
    ))
"""


@cache
def axe() -> str:
    """The source of axe-core, installed by its lock unless it stands there already; else a skip by name."""
    file = _FOLDER / "node_modules/axe-core/axe.min.js"
    if not file.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        _FOLDER.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_SOURCE / name, _FOLDER / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=_FOLDER, capture_output=True, check=False).returncode != 0:
            pytest.skip("axe-core cannot be installed from npm")
    return file.read_text("utf-8")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser; a skip by name where there is none."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage", *_DRAWN]
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Reader:
    """Somebody before the pages at ``url``; what the browser complains of is remembered."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        """Open the page at ``path``."""
        await self.page.goto(self.url + path)

    async def sign_in(self, name: str, password: str) -> None:
        """Sign in by the form."""
        await self.go("/sign-in")
        await self.page.fill("#name", name)
        await self.page.fill("#password", password)
        await self.page.click("main button.main")
        await self.page.wait_for_url(lambda url: "/sign-in" not in url)

    async def open(self, key: str) -> None:
        """Open the form of an action, among the rarer ones too."""
        form = self.page.locator(f'[id="act-{key}"]')
        more = self.page.locator("details.more")
        if await more.count() and not await form.is_visible():
            await more.locator("> summary").click()
        if await form.get_attribute("open") is None:
            await form.locator("> summary").click()

    def field(self, key: str, name: str) -> Any:
        """A field of the form of an action."""
        return self.page.locator(f'[id="act-{key}"] [name="{name}"]')

    async def send(self, key: str) -> None:
        """Send the form of an action, and be where it leads."""
        async with self.page.expect_navigation():
            await self.page.click(f'[id="act-{key}"] button.main')

    async def check(self) -> None:
        """Fail if a screen reader, the policy or the width of the screen has anything against the page."""
        violations = await self.page.evaluate(f"{axe()}; ({_VIOLATIONS})({json.dumps(_RULES)})")
        width = await self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        where = self.page.url.removeprefix(self.url)
        assert not violations, f"{where}: {violations}"
        assert not self.complaints, f"{where}: {self.complaints}"
        assert width[0] <= width[1], where


@asynccontextmanager
async def reading(
    browser: Browser,
    url: str,
    name: str,
    *,
    size: tuple[int, int] = DESKTOP,
    locale: str = "zh-CN",
    script: bool = True,
) -> AsyncIterator[Reader]:
    """A reader with a fresh browser; a picture of the page stays under ``name`` if anything fails."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=locale, java_script_enabled=script
    )
    context.set_default_timeout(_PATIENCE)
    page = await context.new_page()
    reader = Reader(page, url)
    page.on("console", lambda message: _complain(reader, message.type, message.text))
    page.on("pageerror", lambda error: reader.complaints.append(str(error)))
    try:
        yield reader
    except BaseException:
        FAILURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=FAILURES / f"{name}.png", full_page=True)
        raise
    finally:
        await context.close()


def _complain(reader: Reader, kind: str, text: str) -> None:
    """What is refused is answered with a status that a browser calls an error, and so it is meant."""
    if kind == "error" and "Failed to load resource: the server responded with a status of 4" not in text:
        reader.complaints.append(text)
