"""The door for wall screens: by a secret address the board of one city is shown, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from duban.clock import Clock
from duban.refusal import Refusal
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.rows import AccountRefused, AccountStore, NotThere, Unusable
from duban_console.accounts.session import SCREEN_BEGINNING, WallScreen, new_token, token_hash

#: How exactly it is known when a screen was last seen: it asks every few seconds.
_SEEN_EVERY: Final = timedelta(hours=1)
#: Screens of one city at most.
MOST_SCREENS: Final = 50
LONGEST_PLACE: Final = 80
_NO_SCREEN: Final = Refusal("no_screen", "no screen has this address: it was ended, or never was; another one is made")


class ScreenDoor:
    """Makes the address of a screen, ends it, and knows by it whose board hangs there."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def screens(self, jurisdiction: str) -> list[WallScreen]:
        """Those of ``jurisdiction``, the oldest first."""
        return await self._store.screens(jurisdiction)

    async def make(self, jurisdiction: str, place: str, *, by: str, address: str = "") -> str:
        """A secret for a screen that hangs in ``place``, shown this once.

        Raises:
            Unusable: ``no_place``, nothing says where it hangs; ``too_many_screens``.
        """
        place = " ".join(place.split())
        if not place or len(place) > LONGEST_PLACE or not place.isprintable():
            raise Unusable(Refusal("no_place", f"say in up to {LONGEST_PLACE} characters where the screen hangs"))
        token, at = new_token(SCREEN_BEGINNING), self._clock.now()
        screen = WallScreen(token_hash(token), jurisdiction, place, by, at)
        async with self._store.transaction() as store:
            if len(await store.screens(jurisdiction)) >= MOST_SCREENS:
                raise Unusable(Refusal("too_many_screens", f"{jurisdiction} has {MOST_SCREENS} screens: end one first"))
            await store.put_screen(screen)
            await store.append(AccountAct(AccountActKind.SCREEN_MADE, at, by, by, address, _named(screen)))
        return token

    async def end(self, jurisdiction: str, id_: str, *, by: str, address: str = "") -> None:
        """Have the screen show nothing more.

        Raises:
            NotThere: ``no_screen``, ``jurisdiction`` has none of that id.
        """
        async with self._store.transaction() as store:
            screen = next((each for each in await store.screens(jurisdiction) if each.id == id_), None)
            if screen is None:
                raise NotThere(_NO_SCREEN)
            await store.end_screen(screen.hash)
            act = AccountAct(AccountActKind.SCREEN_ENDED, self._clock.now(), by, by, address, _named(screen))
            await store.append(act)

    async def screen(self, token: str) -> WallScreen:
        """The screen that comes with ``token``.

        Raises:
            AccountRefused: ``no_screen``: none.
        """
        screen = await self._store.screen(token_hash(token))
        if screen is None:
            raise AccountRefused(_NO_SCREEN)
        at = self._clock.now()
        if screen.seen_at is None or at - screen.seen_at >= _SEEN_EVERY:
            async with self._store.transaction() as store:
                # It may have been ended meanwhile.
                if (standing := await store.screen(screen.hash)) is not None:
                    await store.put_screen(replace(standing, seen_at=at))
        return screen


def _named(screen: WallScreen) -> str:
    return f"{screen.id}: {screen.jurisdiction}, {screen.place}"
