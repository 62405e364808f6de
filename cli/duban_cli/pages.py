"""Pages of the ledger, for every command that lists what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duban_cli.ledger_views import ledger_in
from duban_cli.output import ExitCode, err, fail
from duban_console.ledger import BadCursor, Filters, Page

if TYPE_CHECKING:
    from duban.io.settings import Settings


async def page_of(known: Settings | None, filters: Filters, limit: int, cursor: str | None) -> Page:
    """At most ``limit`` records after ``cursor``; ends the command when the cursor is none of ours."""
    async with ledger_in(known) as ledger:
        try:
            return await ledger.page(filters, limit, cursor)
        except BadCursor as error:
            fail(ExitCode.USAGE, str(error))


def say_more(page: Page) -> None:
    """How to go on after ``page``, if there is more."""
    if page.cursor:
        err().print(f"more: --cursor {page.cursor}")
