"""The composition of the API: ``python -m duban_console.api``."""

from __future__ import annotations

from functools import partial

import asyncpg
import httpx2
import structlog

from duban.clock import Clock, SystemClock
from duban.io.act_log import LogGrowth
from duban.io.anchors import AnchorLoop
from duban.io.backoff import until_available
from duban.io.consumer import Runner, Source
from duban.io.doorkeeper import client_of
from duban.io.evidence.keeper import EvidenceKeeper
from duban.io.evidence.reception import reception_of
from duban.io.evidence.tus import UPLOADS_PATH
from duban.io.feeds import follow_clock, follow_contacts, follow_packs
from duban.io.http import Http
from duban.io.migrations import require
from duban.io.postgres import answers, connect_pool
from duban.io.service import Shell, run_service
from duban.messages.anchors import ACCOUNT_LOG, Anchored
from duban.messages.commands import Command
from duban.messages.events import LedgerEvent
from duban.pages.beside import BesideApi
from duban.pages.maps import maps_in
from duban.pages.mishap_page import answer_of
from duban.policy import PolicyPack
from duban.policy.library import Library
from duban_console.accounts.admission import Admission
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.key_desk import KeyDesk
from duban_console.accounts.store import MIGRATIONS, SCHEMA, PostgresAccounts
from duban_console.api.app import create_app
from duban_console.api.browser import Browser
from duban_console.api.journal_rounds import JournalRounds
from duban_console.api.responses import SOURCE
from duban_console.api.settings import ApiSettings
from duban_console.api.submission import CommandDoor
from duban_console.assessment.papers.official import fonts_in
from duban_console.contact_desk import ContactDesk
from duban_console.contacts import outcomes
from duban_console.custody import Custody
from duban_console.desk.follower import DeskFollower, settle_near
from duban_console.desk.projector import GROUP, PROJECTED, SMALL_BATCH, DeskProjector
from duban_console.desk.queries import PostgresDesk
from duban_console.desk.store import PLANNER, PostgresDeskStore
from duban_console.desk.views import PostgresViews
from duban_console.issues.desk import IssueDesk
from duban_console.issues.shelf import PostgresIssues
from duban_console.ledger import LedgerReader
from duban_console.oidc.sign_on import sign_on_of
from duban_console.operation.broker_watch import BrokerWatch
from duban_console.operation.desk import OperationDesk, operation_desk
from duban_console.operation.overdue_deadlines import OverdueDeadlines
from duban_console.operation.rounds import OperationRounds
from duban_console.pages.app import OF_API, console_look, create_pages
from duban_console.pages.parts import AccountDesks, PageParts
from duban_console.policies.experiment_process import is_installed
from duban_console.policies.experiments import ExperimentDesk
from duban_console.policies.proposal_store import PostgresProposals
from duban_console.policies.proposals import PackTopic, ProposalDesk

_log = structlog.get_logger(__name__)


async def compose(shell: Shell[ApiSettings]) -> None:
    """Wire the API: the ledger's views, the topic of commands, the packs, the clock."""
    settings = shell.settings
    http: Http | None = None
    # Registered before anything is waited for: the API is not ready while its clock still catches up.
    shell.health.check("http", lambda: http is not None and http.listening)
    clock = await follow_clock(shell)
    library = await follow_packs(shell)
    reception = reception_of(settings)
    pool = await _console(shell)
    accounts = await _accounts(shell, pool)
    # By the clock on the wall, whatever clock drives a story.
    admission = Admission(accounts, SystemClock(), limits=settings.account_limits())
    shell.run(JournalRounds(admission.journal))
    sign_on = sign_on_of(settings, accounts, admission, SystemClock())
    ledger, browser = LedgerReader(shell.pool), Browser(settings.api_url)
    api = create_app(
        ledger, shell.publisher, clock, library, reception, settings.max_body, admission, settings.report_keys(),
        sign_on, browser,
    )  # fmt: skip
    door = CommandDoor(ledger, shell.publisher, reception.desk if reception else None)
    look = console_look(is_secure=browser.session.is_secure, maps=maps_in(settings.maps))
    desks = AccountDesks(AccountDesk(accounts, SystemClock()), KeyDesk(accounts, SystemClock()))
    issues = IssueDesk(PostgresIssues(pool), shell.publisher, SystemClock(), settings.api_url or "")
    parts = PageParts(
        look, ledger, library, door, clock, reception, admission, sign_on, browser, desks, PostgresDesk(pool),
        operation=_operation(shell, ledger, clock), contact_desk=await _contacts(shell, clock),
        vault=Custody(client_of(settings.vault)) if settings.vault else None, near=settings.near,
        experiments=ExperimentDesk(ledger, library, clock) if is_installed() else None,
        proposals=ProposalDesk(PostgresProposals(pool), PackTopic(settings, shell.publisher), SystemClock(), clock),
        listens=lambda: http is not None and http.listening,
        view_shelf=PostgresViews(pool), issue_desk=issues, fonts=fonts_in(settings.fonts),
    )  # fmt: skip
    app = BesideApi(api, create_pages(parts, settings.max_body), OF_API)
    port = settings.api_port
    http = Http(app, settings, port, "DUBAN_API_PORT", slow=UPLOADS_PATH, refusal=partial(answer_of, look))
    shell.run(http)
    if reception is not None:
        shell.run(EvidenceKeeper(reception))
    shell.run(_desk(shell, pool, library, clock))
    _log.info("api", at=f"{settings.bind}:{settings.api_port}")


def _operation(shell: Shell[ApiSettings], ledger: LedgerReader, clock: Clock) -> OperationDesk | None:
    """What operators' pages ask, where they have pages; beside it, it is looked how far groups are behind."""
    settings = shell.settings
    if settings.operator_pages == "off":
        return None
    brokers, deadlines = BrokerWatch(settings.looking(), SystemClock()), OverdueDeadlines(shell.pool)
    shell.run(OperationRounds(brokers, deadlines, ledger, clock))
    # Other services are asked directly, whatever proxy leads out of here.
    return operation_desk(settings, httpx2.AsyncClient(trust_env=False), brokers, deadlines, ledger)


async def _contacts(shell: Shell[ApiSettings], clock: Clock) -> ContactDesk:
    """How people are told, as it is and as it is changed on pages; what became of trials, escalation publishes."""
    desk = ContactDesk(shell.publisher, clock, partial(outcomes, shell.pool))
    await follow_contacts(shell, desk.put)
    return desk


async def _console(shell: Shell[ApiSettings]) -> asyncpg.Pool[asyncpg.Record]:
    """The schema of the console, once it is there: the accounts, and the read model of the desk."""
    settings = shell.settings
    url = settings.renewed("accounts")
    await until_available("accounts", lambda: require(url(), SCHEMA, MIGRATIONS))
    pool = await until_available("accounts", partial(connect_pool, settings, SCHEMA, "accounts", planner=PLANNER))
    shell.health.check("accounts", partial(answers, pool))
    return pool


def _desk(
    shell: Shell[ApiSettings], pool: asyncpg.Pool[asyncpg.Record], library: Library, clock: Clock
) -> DeskFollower:
    """What keeps the read model of the desk.

    The API is ready without it: it answers with what is there, and says how fresh that is. Its batches are small, so
    that requests wait for none.
    """
    settings = shell.settings.model_copy(update={"batch_size": min(shell.settings.batch_size, SMALL_BATCH)})
    store = PostgresDeskStore(pool)
    projector = DeskProjector(store, library, SystemClock())
    runner = Runner(settings, GROUP, [Source((LedgerEvent.TOPIC,), PROJECTED, projector)], shell.publisher)
    return DeskFollower(runner, partial(settle_near, store, settings.near, clock, library))


async def _accounts(shell: Shell[ApiSettings], pool: asyncpg.Pool[asyncpg.Record]) -> PostgresAccounts:
    """The accounts; beside them, their log is anchored."""
    settings = shell.settings
    accounts = PostgresAccounts(pool, settings.seal())
    await until_available("accounts", accounts.seal_anew)
    growth = LogGrowth(pool, "console.account_log", ACCOUNT_LOG, "duban account audit --verify")
    shell.run(AnchorLoop(Anchored.ACCOUNTS, growth, pool, shell.publisher, settings, SOURCE))
    return accounts


if __name__ == "__main__":
    run_service("api", ApiSettings, compose, schema="api", health_port=8321, topics=(Command.TOPIC, PolicyPack.TOPIC))
