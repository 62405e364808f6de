"""The pictures in docs/using.md: ``python -m tests.tools.pictures`` makes them anew of the sample city."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Final

from PIL import Image
from playwright.async_api import Locator, Page

from duban_console.accounts.account import Role
from duban_local import ROOT
from tests.accounts import OWN
from tests.browser import PHONE, chromium, reading
from tests.page_server import served
from tests.sample_city import SampleCity

FOLDER: Final = ROOT / "docs/pictures"
MAPS: Final = ROOT / "tests/data/maps"
_SCREEN: Final = (1200, 760)
#: The name of each picture, who looks, at what, on which screen; of a page that has a map, the part with it.
PICTURES: Final = (
    ("inbox", Role.OFFICE, "/inbox", _SCREEN),
    ("record", Role.OFFICE, "/records/{4}", _SCREEN),
    ("place", Role.OFFICE, "/records/{0}", _SCREEN),
    ("ledger", Role.OFFICE, "/ledger", _SCREEN),
    ("bulletin", Role.OFFICE, "/bulletins?bulletin=state&day=2026-10-31", _SCREEN),
    ("wall", Role.OFFICE, "/wall", _SCREEN),
    ("comparison", Role.LEADER, "/comparison?period=yearly", _SCREEN),
    ("mine", Role.HEAD, "/mine", PHONE),
    ("act", Role.HEAD, "/records/{6}?act=acknowledge", PHONE),
    ("preferences", Role.CLERK, "/preferences", PHONE),
)


async def main() -> None:
    city = SampleCity()
    await city.settle()
    FOLDER.mkdir(exist_ok=True)
    async with chromium() as browser, served(city.app(maps=MAPS)) as url:
        for name, role, path, size in PICTURES:
            async with reading(browser, url, name, size=size) as reader:
                await reader.sign_in(city.names[role], OWN)
                await reader.go(path.format(*city.ids))
                part: Locator | Page = reader.page
                if name == "place":
                    await reader.page.wait_for_selector('[data-map][data-drawn="now"]', timeout=120_000)
                    for _ in range(3):  # from the streets to the districts, each of which glides
                        await reader.page.click(".maplibregl-ctrl-zoom-out")
                        await reader.page.wait_for_timeout(1500)
                    part = reader.page.locator('section[aria-labelledby="facts"]')
                picture = Image.open(BytesIO(await part.screenshot()))
                picture.convert("RGB").save(FOLDER / f"{name}.webp", quality=72, method=6)
                print(name, (FOLDER / f"{name}.webp").stat().st_size)


if __name__ == "__main__":
    asyncio.run(main())
