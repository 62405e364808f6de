"""What pages call the figures of services, in English; the catalogue has it in Chinese."""

from __future__ import annotations

from typing import Final

from duban.pages.words import msgid

#: Each figure of a service, by its name in Prometheus.
FIGURE_LABELS: Final = {
    "duban_lag_records": msgid("Behind, records"),
    "duban_oldest_in_hand_seconds": msgid("Oldest in hand, seconds"),
    "duban_dead_letters_total": msgid("Dead letters since it started"),
    "duban_retries_total": msgid("Tries repeated"),
    "duban_faults_total": msgid("Requests answered with a fault"),
    "duban_waiting_notices": msgid("Notices that wait"),
    "duban_oldest_waiting_notice_seconds": msgid("Oldest of them, seconds"),
    "duban_oldest_overdue_seconds": msgid("Deadline late by, seconds"),
    "duban_silent_sources": msgid("Silent sources"),
}
#: Those that stand at the top, the worst of all services each.
TILES: Final = {
    "duban_lag_records": msgid("Furthest behind, records"),
    "duban_oldest_overdue_seconds": msgid("Deadline that is late the longest, seconds"),
    "duban_oldest_waiting_notice_seconds": msgid("Notice that waits the longest, seconds"),
    "duban_dead_letters_total": msgid("Most dead letters of a service"),
    "duban_silent_sources": msgid("Silent sources"),
}
NO_REASON: Final = msgid("Say why it will work now.")
