"""A real provider of sign-in for the tests: oidc-provider from npm, started once, and a person before its pages."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from duban_local import ROOT
from duban_local.children import free_port, is_open

_SOURCE: Final = ROOT / "tests/oidc_provider"
_FOLDER: Final = ROOT / ".duban/oidc-provider"
_FILES: Final = ("package.json", "package-lock.json", "provider.js")
_LONGEST_WAY: Final = 12


def installed() -> Path:
    """The folder with the provider in it, installed by its lock unless it stands there already; else a skip by name."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    lock = (_SOURCE / "package-lock.json").read_text("utf-8")
    stamp = _FOLDER / "installed"
    for file in _FILES:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_SOURCE / file, _FOLDER / file)
    if not stamp.exists() or stamp.read_text("utf-8") != lock:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip("oidc-provider cannot be installed from npm")
        stamp.write_text(lock, "utf-8")
    return _FOLDER


class SignInProvider:
    """The provider in ``folder``, for the API that browsers come back to at ``redirect``."""

    def __init__(self, folder: Path, redirect: str, audience: str, people: Mapping[str, Any]) -> None:
        self._folder = folder
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._setting = {"port": self.port, "redirect": redirect, "audience": audience, "people": people}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node", "provider.js", json.dumps(self._setting), cwd=self._folder, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(60):
            while not await is_open(self.port):
                assert self._process.returncode is None
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def token(self, client: str, resource: str) -> str:
        """An access token that the system ``client`` has the provider give it for ``resource``."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": "use"}
        async with httpx2.AsyncClient(auth=(client, f"of-{client}"), timeout=60) as system:
            answer = await system.post(f"{self.issuer}/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@asynccontextmanager
async def sign_in_provider(
    folder: Path, redirect: str, audience: str, people: Mapping[str, Any]
) -> AsyncIterator[SignInProvider]:
    """The provider while it runs."""
    provider = SignInProvider(folder, redirect, audience, people)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()


async def at_provider(browser: httpx2.AsyncClient, url: str, back: str, name: str, *, aborts: bool = False) -> str:
    """By which URL, that begins with ``back``, the browser of ``name`` is sent back from the provider's pages."""
    for _ in range(_LONGEST_WAY):
        if url.startswith(back):
            return url
        answer = await browser.get(url)
        if answer.status_code == 200:
            page = answer.text
            if aborts:
                url = urljoin(url, unescape(_in(page, r'href="([^"]+/abort)"')))
                continue
            form = {"prompt": _in(page, r'name="prompt" value="(\w+)"'), "login": name, "password": "any"}
            answer = await browser.post(urljoin(url, unescape(_in(page, r'action="([^"]+)"'))), data=form)
        assert answer.status_code in (302, 303), answer.text
        url = urljoin(url, answer.headers["location"])
    raise AssertionError(f"nobody comes back from {url}")


async def _as_a_browser(url: str, name: str) -> None:
    """Be the browser of ``name``, whom the command line has opened ``url``: ``python -m tests.sign_in NAME URL``."""
    async with httpx2.AsyncClient(timeout=60) as browser:
        query = parse_qs(urlsplit(url).query)
        back = await at_provider(browser, url, query["redirect_uri"][0], name)
        assert (await browser.get(back.replace("state=", "state=not-"))).status_code == 404
        assert (await browser.get(back)).status_code == 200


def _in(page: str, pattern: str) -> str:
    match = re.search(pattern, page)
    assert match is not None, page
    return match[1]


if __name__ == "__main__":
    asyncio.run(_as_a_browser(sys.argv[2], sys.argv[1]))
