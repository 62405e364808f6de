"""The tools for policies: packs that are published or drafted, told, checked, compared and played; and bulletins."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from duban.calendar import CalendarNotice
from duban.errors import DubanError, PackError
from duban.policy import PolicyPack, Rules
from duban.policy.language import in_language
from duban.policy.model.assessment import Period
from duban.policy.plain_data import MOST_CHARACTERS
from duban_cli.assistants.answers import (
    BulletinSheet,
    PackDifferences,
    PackLint,
    PackList,
    PackText,
    SimulationOfPack,
)
from duban_cli.assistants.api import Callers, PersonalApi
from duban_cli.assistants.drafts import DRAFT, is_text, played
from duban_cli.assistants.marks import marked_rows
from duban_cli.assistants.tools import add_tool
from duban_console.pack_text import Language, differences, explained, in_words
from duban_console.packs.lint import linted
from duban_console.packs.publication import parsed_pack

_Pack = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="A published pack as `id@version` (list_packs names them), or the whole YAML text of a draft",
    ),
]
_Draft = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, description="The whole YAML text of the draft")]
_Ref = Annotated[str, Field(min_length=1, max_length=200, description="A published pack as `id@version`")]
_Tongue = Annotated[Language, Field(description="The language of the sentences")]
#: So much is played in one call.
_MOST_REPORTS, _MOST_ACTS = 2_000, 10_000


class PackTools:
    """Tools for policies; each asks the API as who ``callers`` say."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def add_to(self, server: MCPServer[Any]) -> None:
        """Have ``server`` offer them."""
        for title, function, written in (
            ("Published packs", self.list_packs, False),
            ("A pack in sentences", self.explain_pack, False),
            ("Check a draft", self.lint_pack, False),
            ("Compare two packs", self.diff_packs, False),
            ("Play reports under a pack", self.simulate_pack, False),
            ("Compile a bulletin", self.compile_bulletin, True),
        ):
            add_tool(server, title, function, written=written)

    async def list_packs(self, ctx: Context) -> PackList:
        """The policy packs that are published, each with its city and the bulletins that it provides for."""
        return PackList(packs=(await self._callers.api(ctx).ask("/v1/packs")).document["packs"])

    async def explain_pack(self, ctx: Context, pack: _Pack, language: _Tongue = Language.EN) -> PackText:
        """A pack told in sentences: who answers for what, what is due when, and what follows if it is not done."""
        read = await _pack(self._callers.api(ctx), pack)
        return PackText(pack=read.ref, text=explained(read, language))

    async def lint_pack(self, ctx: Context, draft: _Draft, language: _Tongue = Language.EN) -> PackLint:
        """Whether a draft of a pack can be published: the first law that it breaks, else what looks like a slip.

        Nothing is published by this, nor by any other tool.
        """
        try:
            pack = parsed_pack(draft, DRAFT)
        except PackError as error:
            return PackLint(
                ok=False, path=in_language(error.path, language), law=in_language(error.law, language), advice=[]
            )
        lint = linted(pack, DRAFT, await _calendars(self._callers.api(ctx), pack), language)
        fault = lint.fault
        return PackLint(
            ok=fault is None, path=in_language(fault.path, language) if fault else None,
            law=in_language(fault.law, language) if fault else None,
            calendar_missing=lint.missing, advice=[asdict(entry) for entry in lint.advice],
        )  # fmt: skip

    async def diff_packs(
        self, ctx: Context, before: _Pack, after: _Pack, language: _Tongue = Language.EN
    ) -> PackDifferences:
        """What changed between two packs, entry by entry: a draft beside what holds, or two versions."""
        api = self._callers.api(ctx)
        first, second = await _pack(api, before), await _pack(api, after)
        changes = differences(first, second, language)
        return PackDifferences(
            before=first.ref, after=second.ref, changes=[asdict(change) for change in changes],
            in_words=[f"{change.section}: {in_words(change)}" for change in changes],
        )  # fmt: skip

    async def simulate_pack(
        self,
        ctx: Context,
        pack: _Pack,
        reports: Annotated[
            list[dict[str, Any]],
            Field(
                min_length=1,
                max_length=_MOST_REPORTS,
                description="Reports with `jurisdiction`, `channel`, `title`, `category`, `observed_at` and, to be "
                "named by acts, an `id`; further fields as `POST /v1/reports` takes them",
            ),
        ],
        acts: Annotated[
            list[dict[str, Any]],
            Field(
                max_length=_MOST_ACTS,
                description="What units do: `report` (its id), `at` (an instant), `action`, `unit` (its id, `@lead` or "
                "`@office`), and the fields of the action; where nobody acts, everything lapses that can",
            ),
        ] = [],  # noqa: B006 - never changed
        until: Annotated[datetime | None, Field(description="Until when; else until nothing is due any more")] = None,
        duties: Annotated[bool, Field(description="Whether the duties of the calendar are opened too")] = False,
    ) -> SimulationOfPack:
        """Play reports under a pack on virtual time and count what comes of them: lapses, and the measures that follow.

        Nothing is sent or written anywhere.
        """
        if until is not None and until.tzinfo is None:
            raise ToolError(f"until: {until} says no offset; write it as {until.isoformat()}+08:00")
        api = self._callers.api(ctx)
        read = await _pack(api, pack)
        notice = next((notice for notice in await _calendars(api, read) if notice.id == read.time.calendar), None)
        if notice is None:
            raise ToolError(f"the calendar {read.time.calendar} is not published: working time cannot be counted")
        try:
            rules = Rules.compile(read, notice)
            figures, left_out = await asyncio.to_thread(played, rules, reports, acts, until, duties=duties)
        except DubanError as error:
            raise ToolError(str(error)) from None
        return SimulationOfPack(pack=read.ref, figures=figures, unreadable=left_out)

    async def compile_bulletin(
        self,
        ctx: Context,
        pack: _Ref,
        bulletin: Annotated[
            str, Field(min_length=1, max_length=120, description="The id of one of its bulletins, or a kind of them")
        ],
        as_of: Annotated[
            str,
            Field(
                pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$",
                description="The end of this local day, YYYY-MM-DD, or a local time, YYYY-MM-DDTHH:MM; it has passed",
            ),
        ],
        period: Annotated[Period | None, Field(description="Another period than that of the pack")] = None,
        language: Annotated[Language | None, Field(description="Chinese where the pack has it, if not said")] = None,
    ) -> BulletinSheet:
        """Compile a bulletin (通报), an account (月交账), a list, a wall chart or scores (考核) from the whole ledger.

        It goes to nobody: whoever signs it sends it.
        """
        query = {"as_of": as_of, "period": period, "language": language}
        answer = await self._callers.api(ctx).ask(f"/v1/packs/{_part(pack)}/bulletins/{_part(bulletin)}", query)
        sheet = answer.document
        return BulletinSheet.model_validate({**sheet, "rows": marked_rows(sheet["rows"])})


async def _pack(api: PersonalApi, pack: str) -> PolicyPack:
    """The pack in the text of a draft, else the one that is published under that name.

    Raises:
        ToolError: there is none, or the draft breaks a law.
    """
    try:
        if is_text(pack):
            return parsed_pack(pack, DRAFT)
    except PackError as error:
        raise ToolError(str(error)) from None
    return PolicyPack.model_validate((await api.ask(f"/v1/packs/{_part(pack)}")).document["pack"])


async def _calendars(api: PersonalApi, pack: PolicyPack) -> list[CalendarNotice]:
    """The calendar by which ``pack`` counts, as it is published; none where it is not."""
    answer = await api.ask_or_none(f"/v1/calendars/{pack.time.calendar}")
    return [] if answer is None else [CalendarNotice.model_validate(answer.document["calendar"])]


def _part(name: str) -> str:
    """``name`` as a part of a path."""
    return quote(name, safe="")
