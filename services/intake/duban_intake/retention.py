"""What intake forgets after its time: refused reports, and at which version a problem was last closed or reopened.

The receipt of a report that opened a problem or was attached to one is never forgotten: by it the same report counts
once, for ever. It grows no faster than the ledger, which keeps the report itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

from duban.io.retention import OldRows, forgetting
from duban_intake.settings import IntakeSettings

#: A receipt without a problem is of a report that intake itself refused; it would be decided anew in any case.
_REFUSED: Final = forgetting(
    "intake.receipts", "key", "held.problem_id is null and held.received_at < now() - $1::interval"
)
#: Of other reports under an id that was taken; nothing is decided by these.
_TAKEN: Final = forgetting("intake.refusals", "key", "held.refused_at < now() - $1::interval")
_TURNS: Final = forgetting("intake.turns", "problem_id", "held.at < now() - $1::interval")


def old_rows(pool: asyncpg.Pool[asyncpg.Record], settings: IntakeSettings) -> dict[str, tuple[OldRows, timedelta]]:
    """Each table by its name, with how long its rows are kept."""
    refusals, turns = timedelta(days=settings.refusals_days), timedelta(days=settings.turns_days)
    return {
        "receipts": (OldRows(pool, _REFUSED), refusals),
        "refusals": (OldRows(pool, _TAKEN), refusals),
        "turns": (OldRows(pool, _TURNS), turns),
    }
