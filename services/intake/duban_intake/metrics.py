"""What intake measures of itself."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from duban_intake.domain import Receipt

RECEIPTS = Counter(
    "duban_receipts_total",
    "Receipts that were given to reports, by their outcome: accepted, attached, refused",
    ["outcome"],
)
RECEIPT_SECONDS = Histogram(
    "duban_receipt_seconds",
    "From the broker having a report to the report having its receipt",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0),
    unit="seconds",
)
SILENT_SOURCES = Gauge(
    "duban_silent_sources",
    "Sources of which nothing was heard for longer than they may be silent; looked at every 15 s",
)


def measure_receipts(receipts: Collection[Receipt], at: datetime) -> None:
    """Count ``receipts``, which were given at ``at``, and how long each took."""
    for receipt in receipts:
        RECEIPTS.labels(receipt.outcome).inc()
        seconds = max(0.0, (at - receipt.received_at).total_seconds())
        RECEIPT_SECONDS.observe(seconds, {"trace_id": receipt.key.hex})
