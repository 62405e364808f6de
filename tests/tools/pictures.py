"""The pictures in docs/using.md: ``python -m tests.tools.pictures`` makes them anew of the sample city."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Final

from PIL import Image

from duban_console.accounts.account import Role
from duban_local import ROOT
from tests.accounts import OWN
from tests.browser import PHONE, chromium, reading
from tests.page_server import served
from tests.sample_city import SampleCity

FOLDER: Final = ROOT / "docs/pictures"
_SCREEN: Final = (1200, 760)
#: The name of each picture, who looks, at what, on which screen.
PICTURES: Final = (
    ("inbox", Role.OFFICE, "/inbox", _SCREEN),
    ("record", Role.OFFICE, "/records/{4}", _SCREEN),
    ("ledger", Role.OFFICE, "/ledger", _SCREEN),
    ("comparison", Role.LEADER, "/comparison?period=yearly", _SCREEN),
    ("mine", Role.HEAD, "/mine", PHONE),
    ("act", Role.HEAD, "/records/{6}?act=acknowledge", PHONE),
    ("preferences", Role.CLERK, "/preferences", PHONE),
)


async def main() -> None:
    city = SampleCity()
    await city.settle()
    FOLDER.mkdir(exist_ok=True)
    async with chromium() as browser, served(city.app()) as url:
        for name, role, path, size in PICTURES:
            async with reading(browser, url, name, size=size) as reader:
                await reader.sign_in(city.names[role], OWN)
                await reader.go(path.format(*city.ids))
                picture = Image.open(BytesIO(await reader.page.screenshot()))
                picture.convert("RGB").save(FOLDER / f"{name}.webp", quality=72, method=6)
                print(name, (FOLDER / f"{name}.webp").stat().st_size)


if __name__ == "__main__":
    asyncio.run(main())
