"""The pages, over what they are given: who comes, the ledger, the packs, and the door for commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import Depends, FastAPI
from starlette.types import Scope

from duban.io.faults import BodyLimit
from duban.io.http import GuardedAnswers
from duban.pages.look import PageLook
from duban.pages.maps import CityMap
from duban.pages.mishap_page import show_mishaps
from duban_console.api.asker import AccessGate
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.accounts import serve_accounts
from duban_console.pages.routes.bulletins import serve_bulletins
from duban_console.pages.routes.credentials import serve_credentials
from duban_console.pages.routes.experiments import serve_experiments
from duban_console.pages.routes.home import serve_home
from duban_console.pages.routes.inbox import serve_inbox
from duban_console.pages.routes.issues import serve_issues
from duban_console.pages.routes.leader import serve_leader
from duban_console.pages.routes.ledger import serve_ledger
from duban_console.pages.routes.lists import serve_lists
from duban_console.pages.routes.operation import serve_operation
from duban_console.pages.routes.policies import serve_policies
from duban_console.pages.routes.preferences import serve_preferences
from duban_console.pages.routes.proposals import serve_proposals
from duban_console.pages.routes.records import serve_records
from duban_console.pages.routes.rota import serve_rota
from duban_console.pages.routes.screens import serve_screens
from duban_console.pages.routes.sign_in import PATH as SIGN_IN
from duban_console.pages.routes.sign_in import serve_sign_in
from duban_console.pages.routes.vault import serve_vault
from duban_console.pages.routes.wall import serve_wall
from duban_console.pages.sent_form import MOST_FILES
from duban_console.pages.visitor import visitor

_HERE: Final = Path(__file__).parent
#: The room of accounts.
_ACCOUNTS: Final = _HERE.parent / "accounts"
#: The room with what operators are shown.
_OPERATION: Final = _HERE.parent / "operation"
#: The room with policies.
_POLICIES: Final = _HERE.parent / "policies"
#: What is the API's, beside which the pages stand.
OF_API: Final = ("/v1", "/docs", "/redoc", "/openapi.json")
#: Room for what stands around files in a form.
_AROUND: Final = 1_000_000


def console_look(*, is_secure: bool = False, maps: Mapping[str, CityMap] = MappingProxyType({})) -> PageLook:
    """The look of the console's pages; ``maps``: those of cities, by the ids of these."""
    return PageLook([_HERE, _ACCOUNTS, _OPERATION, _POLICIES], is_secure=is_secure, maps=maps)


def create_pages(parts: PageParts, max_body: int) -> FastAPI:
    """The pages; a body holds at most ``max_body`` bytes, and one with files as much as these may have."""
    app = FastAPI(title="Duban", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.gate = AccessGate(parts.admission, parts.sign_on, parts.browser)
    parts.look.serve(app)
    show_mishaps(app, parts.look, _limit(parts, max_body), sign_in=SIGN_IN)
    app.add_middleware(GuardedAnswers)
    app.router.dependencies.append(Depends(visitor))
    serve_sign_in(app, parts)
    serve_credentials(app, parts)
    serve_home(app, parts)
    serve_preferences(app, parts)
    serve_rota(app, parts)
    serve_accounts(app, parts)
    serve_records(app, parts)
    serve_lists(app, parts)
    serve_operation(app, parts)
    serve_policies(app, parts)
    serve_experiments(app, parts)
    serve_proposals(app, parts)
    serve_ledger(app, parts)
    serve_inbox(app, parts)
    serve_leader(app, parts)
    serve_wall(app, parts)
    serve_screens(app, parts)
    serve_vault(app, parts)
    serve_issues(app, parts)
    serve_bulletins(app, parts)
    return app


def _limit(parts: PageParts, max_body: int) -> Callable[[Scope], BodyLimit]:
    usual = BodyLimit(max_body)
    most = parts.reception.desk.most_bytes * MOST_FILES if parts.reception is not None else max_body
    with_files = BodyLimit(most + _AROUND, "DUBAN_EVIDENCE_MAX_BYTES", "send fewer files")

    def limit_of(scope: Scope) -> BodyLimit:
        return with_files if scope["path"].startswith(("/records/", "/lists")) else usual

    return limit_of
