"""What the router measures of itself."""

from __future__ import annotations

from prometheus_client import Counter

RECALLED = Counter(
    "duban_recalled_states_total", "States that commands named, by where they were: memory, ledger", ["at"]
)
DECIDED_ANEW = Counter(
    "duban_batches_decided_anew_total",
    "Batches that were decided again, as another member had written first or they took from a register unforeseen",
)
