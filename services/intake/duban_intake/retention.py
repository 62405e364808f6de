"""What intake forgets after its time: refused reports, and at which version a problem was last closed or reopened.

The receipt of a report that opened a problem or was attached to one is never forgotten: by it the same report counts
once, for ever. It grows no faster than the ledger, which keeps the report itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

from duban.io.retention import OldRows
from duban_intake.settings import IntakeSettings

#: A receipt without a problem is of a report that intake itself refused; it would be decided anew in any case.
_REFUSED: Final = """
    with page as materialized (
        select key from intake.receipts where key > $2 order by key limit $3
    ), gone as (
        delete from intake.receipts as held using page
        where held.key = page.key and held.problem_id is null and held.received_at < now() - $1::interval
        returning 1
    )
    select key, (select count(*) from gone) from page order by key desc limit 1
"""
#: Of other reports under an id that was taken; nothing is decided by these.
_TAKEN: Final = """
    with page as materialized (
        select key from intake.refusals where key > $2 order by key limit $3
    ), gone as (
        delete from intake.refusals as held
        where held.key in (select key from page) and held.refused_at < now() - $1::interval
        returning 1
    )
    select key, (select count(*) from gone) from page order by key desc limit 1
"""
_TURNS: Final = """
    with page as materialized (
        select problem_id from intake.turns where problem_id > $2 order by problem_id limit $3
    ), gone as (
        delete from intake.turns as held using page
        where held.problem_id = page.problem_id and held.at < now() - $1::interval
        returning 1
    )
    select problem_id, (select count(*) from gone) from page order by problem_id desc limit 1
"""


def old_rows(pool: asyncpg.Pool[asyncpg.Record], settings: IntakeSettings) -> dict[str, tuple[OldRows, timedelta]]:
    """Each table by its name, with how long its rows are kept."""
    refusals, turns = timedelta(days=settings.refusals_days), timedelta(days=settings.turns_days)
    return {
        "receipts": (OldRows(pool, _REFUSED), refusals),
        "refusals": (OldRows(pool, _TAKEN), refusals),
        "turns": (OldRows(pool, _TURNS), turns),
    }
