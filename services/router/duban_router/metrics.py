"""What the router measures of itself."""

from __future__ import annotations

from prometheus_client import Counter

RECALLED = Counter(
    "duban_recalled_states_total", "States that commands named, by where they were: memory, ledger", ["at"]
)
