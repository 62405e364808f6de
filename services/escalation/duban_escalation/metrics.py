"""What escalation measures of itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DELAY = Histogram(
    "duban_escalation_delay_seconds",
    "From the instant a deadline falls due to the ack of its Escalate, or to the batch it goes out with",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
    unit="seconds",
)
FIRED = Counter("duban_escalations_fired_total", "Escalate commands sent, each repetition counted")
NOTICES = Counter(
    "duban_notices_total", "Notices by what became of them: posted, logged, repeated, put_off, refused", ["outcome"]
)
CONTACT_NOTICES = Counter(
    "duban_contact_notices_total",
    "Notices to units and persons by channel and by what came of it: delivered, waited (to be sent again), refused",
    ["channel", "outcome"],
)
CALLS = Counter("duban_calls_total", "Calls of whoever is on call that were repeated, since nobody had answered")
WAITING = Gauge("duban_waiting_notices", "Notices taken in by this member's partitions that have not gone out yet")
OLDEST_WAITING = Gauge(
    "duban_oldest_waiting_notice_seconds",
    "How long the notice that has waited longest has been waiting; looked at every 15 s",
    unit="seconds",
)
OLDEST_OVERDUE = Gauge(
    "duban_oldest_overdue_seconds",
    "How long ago that of the deadlines fell due which waits longest for the router's answer; looked at every 20 s",
    unit="seconds",
)
