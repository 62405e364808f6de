"""The intake service: ``python -m duban_intake``."""

from __future__ import annotations

from functools import partial
from typing import Final

from duban.io.act_log import LogGrowth
from duban.io.anchors import AnchorLoop
from duban.io.consumer import Source
from duban.io.evidence.reception import opened
from duban.io.feeds import clock_of, follow_packs
from duban.io.retention import Retention
from duban.io.service import Shell, run_service
from duban.messages.anchors import VAULT_LOG, Anchored
from duban.messages.commands import Command
from duban.messages.events import LedgerEvent
from duban.messages.ratings import RATINGS, RatedReport
from duban.messages.report import Report
from duban_intake.domain import SOURCE
from duban_intake.evidence_seal import EvidenceSeal, EvidenceSealer
from duban_intake.handlers import ANSWERS, AnswerHandler, ReportHandler
from duban_intake.metrics import measure_receipts
from duban_intake.ratings import RatingHandler
from duban_intake.retention import old_rows
from duban_intake.settings import IntakeSettings
from duban_intake.source_feed import follow_sources
from duban_intake.source_journal import SourceJournal, spoke_at
from duban_intake.source_watch import HeardReports, SourceWatch
from duban_intake.store import SCHEMA, PostgresStore

GROUP: Final = "duban-intake"


async def compose(shell: Shell[IntakeSettings]) -> None:
    """Wire the handlers to the topics, once the packs published so far are known; beside it, the vault is anchored."""
    library = await follow_packs(shell)
    store = PostgresStore(shell.pool)
    most_bytes = shell.settings.max_record_bytes * 19 // 20
    registry, clock = await follow_sources(shell), clock_of(shell.settings)
    journal = SourceJournal(shell.pool, clock)
    sealer = shell.settings.report_keys()
    handler = ReportHandler(store, library, clock, most_bytes, measure_receipts, sealer)
    reports = HeardReports(handler, registry, journal)
    shell.runner(
        GROUP,
        [
            Source((Report.TOPIC,), {Report.TYPE: Report}, reports),
            Source((RatedReport.TOPIC,), RATINGS, RatingHandler(store)),
            Source((LedgerEvent.TOPIC,), ANSWERS, AnswerHandler(store, library)),
        ],
    )
    evidence = opened(shell.settings)
    if evidence is not None and sealer is not None:
        shell.run(EvidenceSealer(shell.pool, EvidenceSeal(evidence, sealer)))
    growth = LogGrowth(shell.pool, "intake.vault_log", VAULT_LOG, "duban vault verify")
    shell.run(AnchorLoop(Anchored.VAULT, growth, shell.pool, shell.publisher, shell.settings, SOURCE))
    if shell.settings.clock == "system":  # a story told on another clock is over before anything in it is old or silent
        shell.run(Retention(old_rows(shell.pool, shell.settings)))
        shell.run(journal)
        shell.run(SourceWatch(partial(spoke_at, shell.pool), registry, library, shell.publisher.publish, clock))


if __name__ == "__main__":
    run_service(
        "intake",
        IntakeSettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=8301,
        topics=[Report.TOPIC, Command.TOPIC],
    )
