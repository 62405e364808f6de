"""What the router measures of itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

RECALLED = Counter(
    "duban_recalled_states_total", "States that commands named, by where they were: memory, ledger", ["at"]
)
DECIDED_ANEW = Counter(
    "duban_batches_decided_anew_total",
    "Batches that were decided again, as another member had written first or they took from a register unforeseen",
)
COMMANDS = Counter(
    "duban_commands_total", "Commands by what became of them: carried_out, refused, repeated", ["outcome"]
)
LATENESS = Histogram(
    "duban_lapse_lateness_seconds",
    "From the instant a deadline fell due to the ledger holding what followed; reminders among them",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0),
    unit="seconds",
)
