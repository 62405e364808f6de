"""Following one's own report, by its number and the code of its receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from fastapi import FastAPI, Request, Response

from duban.errors import Fault
from duban.messages.envelope import encode
from duban.messages.handle import handle_of
from duban.pages.language import language_of
from duban.pages.words import msgid
from duban_intake.domain import Receipt, own_problem
from duban_intake.gateway.door import refuse_other_pages
from duban_intake.site.city import CitySite
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.site.reporter_views import RatingOutcome, RewardView, refusal_words, reply_lines, reward_view
from duban_intake.site.satisfaction import MOST_VOTES, RatingForm, flaw_in, outcome_keys, rated, rating_in
from duban_intake.vault.answers import reached

_NO_CODE: Final = msgid("This is no code of a receipt: it has 16 letters and digits. Copy it whole.")
_UNKNOWN: Final = msgid("No report has this number and this code. Both stand on the receipt.")
_MOST: Final = 60


def serve_follow(app: FastAPI, parts: SiteParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH + "/{city}/follow")
    async def ask(request: Request, city: str) -> Response:
        """Ask for number and code."""
        return parts.page(request, parts.site(city), "follow.html", number="", flaw="")

    @app.post(PATH + "/{city}/follow")
    async def follow(request: Request, city: str) -> Response:
        """What became of a report; the code stands in no address and no log."""
        refuse_other_pages(request)
        return await _Followed(request, parts, parts.site(city), await _sent(request)).page()

    @app.post(PATH + "/{city}/rate")
    async def rate(request: Request, city: str) -> Response:
        """Say whether one is satisfied with what became of it; the office hears it under the number of the problem."""
        refuse_other_pages(request)
        return await _Followed(request, parts, parts.site(city), await _sent(request)).rated()


async def _sent(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=10, max_part_size=10_000) as form:
        return {name: text for name, text in form.items() if isinstance(text, str)}


@dataclass(frozen=True, slots=True)
class _Followed:
    """A report that somebody asks for by its number and its code."""

    request: Request
    parts: SiteParts
    site: CitySite
    sent: dict[str, str]

    @property
    def number(self) -> str:
        """The number, however it was typed."""
        return self.sent.get("number", "").strip()[:_MOST].lower().replace("-", "").replace(" ", "")

    @property
    def code(self) -> str:
        """The code as it was typed."""
        return self.sent.get("code", "").strip()[:_MOST]

    async def page(self) -> Response:
        """How far it is; or the question again, with what was wrong."""
        flaw, receipt = await _found(self.parts, self.site, self.number, self.code)
        return self._unknown(flaw) if receipt is None else await self._shown(receipt)

    async def rated(self) -> Response:
        """What the reporter says goes on to intake."""
        form = rating_in(self.sent)
        flaw, receipt = await _found(self.parts, self.site, self.number, self.code)
        if receipt is None:
            return self._unknown(flaw)
        if receipt.handle is None or receipt.problem_id is None:
            raise Fault(409, "not_rated", "without a code, or where nothing was registered, nothing is rated")
        if (wrong := flaw_in(form, self.site.rules)) is not None:
            return await self._shown(receipt, 400, form, self.parts.look.say(self.request, wrong))
        door = self.parts.door
        await door.put(encode(rated(form, receipt, self.site, door.clock.now())))
        return await self._shown(receipt, has_rated=True)

    def _unknown(self, flaw: str) -> Response:
        say = self.parts.look.say(self.request, flaw)
        return self.parts.page(self.request, self.site, "follow.html", 400, number=self.number, flaw=say)

    async def _shown(
        self,
        receipt: Receipt,
        status: int = 200,
        form: RatingForm | None = None,
        flaw: str = "",
        *,
        has_rated: bool = False,
    ) -> Response:
        site, parts = self.site, self.parts
        problems = await parts.problems(site, ids=[receipt.problem_id]) if receipt.problem_id else []
        problem = parts.view(self.request, site, problems[0]) if problems else None
        at = receipt.received_at.astimezone(site.rules.zone)
        vote, outcome = await self._latest(receipt)
        if form is None and vote < MOST_VOTES:
            form = RatingForm(vote + 1, None, None, "")
        refusal = refusal_words(outcome) if outcome is not None else None
        return parts.page(
            self.request, site, "followed.html", status, receipt=receipt, at=at, problem=problem, number=self.number,
            code=self.code, form=form, flaw=flaw, has_rated=has_rated, outcome=outcome,
            refusal=parts.look.say(self.request, refusal) if refusal else "", replies=await self._replies(receipt),
            rewards=await self._rewards(receipt),
        )  # fmt: skip

    async def _latest(self, receipt: Receipt) -> tuple[int, RatingOutcome | None]:
        """The number of the latest vote of which anything came, and what; 0 while there is none."""
        if receipt.handle is None or receipt.problem_id is None:
            return 0, None
        keys = outcome_keys(receipt)
        decided = await self.parts.reporters.ratings(list(keys))
        latest = max(decided, key=keys.__getitem__, default=None)
        return (0, None) if latest is None else (keys[latest], decided[latest])

    async def _replies(self, receipt: Receipt) -> list[tuple[datetime, str]]:
        if receipt.problem_id is None:
            return []
        replies = await self.parts.reporters.replies(receipt.problem_id, receipt.source, receipt.id)
        return reply_lines(replies, self.site.rules)

    async def _rewards(self, receipt: Receipt) -> list[RewardView]:
        if receipt.handle is None:
            return []
        library, language = self.parts.face.library, language_of(self.request)
        say = partial(self.parts.look.say, self.request)
        return [
            reward_view(owed, library.rules(owed.reward.pack) or self.site.rules, language, say)
            for owed in await self.parts.reporters.rewards(receipt.handle)
        ]


async def _found(parts: SiteParts, site: CitySite, number: str, code: str) -> tuple[str, Receipt | None]:
    """The receipt of the report ``number``, if ``code`` is its own; else what is wrong."""
    try:
        handle = handle_of(code) if code else None
    except ValueError:
        return _NO_CODE, None
    key = own_problem(site.source.name, number)
    receipt = await reached(parts.door.receipts.receipt(key), "the receipts cannot be read now")
    if receipt is None or receipt.handle != handle:
        return _UNKNOWN, None
    return "", receipt
