"""What the door of reports measures: how each that was handed in was received."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prometheus_client import Histogram

from duban.errors import Fault, RecordTooLarge
from duban.io.availability import is_unavailable
from duban_intake.vault.desk import VaultRefused

REPORT_SECONDS = Histogram(
    "duban_report_seconds",
    "From a report that can be read to the broker having it, by what became of it: accepted, refused, unavailable, "
    "fault, abandoned by its sender",
    ["outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    unit="seconds",
)


@contextmanager
def received(seconds: Callable[[], float], report: UUID) -> Iterator[None]:
    """Measure by the clock ``seconds`` how long the report of that identity takes, and what becomes of it."""
    began, outcome = seconds(), "abandoned"
    try:
        yield
        outcome = "accepted"
    except (Fault, RecordTooLarge, VaultRefused):
        outcome = "refused"
        raise
    except Exception as error:
        outcome = "unavailable" if is_unavailable(error) else "fault"
        raise
    finally:
        REPORT_SECONDS.labels(outcome).observe(max(0.0, seconds() - began), {"trace_id": report.hex})
