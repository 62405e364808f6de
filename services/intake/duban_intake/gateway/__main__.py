"""The gateway as a process: ``python -m duban_intake.gateway``."""

from __future__ import annotations

from functools import partial
from typing import Final

from duban.io.evidence.keeper import EvidenceKeeper
from duban.io.evidence.reception import reception_of
from duban.io.evidence.tus import UPLOADS_PATH
from duban.io.feeds import follow_packs
from duban.io.http import Http
from duban.io.secrets_file import SecretsFile
from duban.io.service import Shell, run_service
from duban.messages.report import Report
from duban.pages.beside import BesideApi
from duban.pages.maps import maps_in
from duban.pages.mishap_page import answer_of
from duban_intake.gateway.app import OF_API, create_app
from duban_intake.gateway.batcher import Batching
from duban_intake.gateway.composition import report_door
from duban_intake.gateway.open311.ledger import PublicLedger
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.gateway.settings import GatewaySettings
from duban_intake.site.app import create_site, site_look
from duban_intake.site.exposures import PostgresBoard
from duban_intake.site.publications import PostgresPublications
from duban_intake.site.reporter_ledger import PostgresReporterLedger
from duban_intake.store import SCHEMA

HEALTH_PORT: Final = 8311


async def compose(shell: Shell[GatewaySettings]) -> None:
    """Wire the routes to the broker, the receipts and the clock."""
    settings = shell.settings
    look = site_look(maps_in(settings.maps))
    batching = Batching(shell.publisher.publish, settings.gateway_patience)
    reception, secrets = reception_of(settings), SecretsFile(settings.source_secrets)
    door = await report_door(shell, batching.put, settings.keyring(), secrets, reception=reception)
    # Reports are taken before any pack is there; what may be reported is told once one is.
    face = PublicFace(await follow_packs(shell, needed=False), PublicLedger(shell.pool))
    board, reporters = PostgresBoard(shell.pool), PostgresReporterLedger(shell.pool)
    shelf = PostgresPublications(shell.pool)
    site = create_site(look, door, face, board, reporters, shelf, settings.max_body)
    app = BesideApi(create_app(door, face, settings.max_body), site, OF_API)
    port, refusal = settings.gateway_port, partial(answer_of, look)
    http = Http(app, settings, port, "DUBAN_GATEWAY_PORT", batching, UPLOADS_PATH, refusal)
    shell.health.check("http", lambda: http.listening)
    shell.run(http)
    if reception is not None:
        shell.run(EvidenceKeeper(reception))


if __name__ == "__main__":
    run_service(
        "gateway",
        GatewaySettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
        topics=[Report.TOPIC],
    )
