"""What the read model of the desk measures of itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

DELAY = Histogram(
    "duban_desk_delay_seconds",
    "From the broker's stamp on the oldest event of a batch to its rows in the read model committed",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
    unit="seconds",
)
GAPS = Counter(
    "duban_desk_gaps_total",
    "Events that came to the read model without those before them: `duban desk rebuild` makes it whole",
)
