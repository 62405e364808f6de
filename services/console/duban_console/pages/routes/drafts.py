"""What a page shows of a draft: what there is to say of it, what it changes, and what who reads may do with it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any

from duban.policy.language import in_language
from duban_console.accounts.access import may
from duban_console.api.asker import Asker
from duban_console.pack_text import Language, in_words, section_name
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.experiments import DEED as TRY
from duban_console.pages.routes.experiments import usual_period, zone_of
from duban_console.policies.draft import DraftVerdict


def shown_verdict(parts: PageParts, asks: Asker, verdict: DraftVerdict | None, language: Language) -> dict[str, Any]:
    """The verdict, its changes by section, and the period over which who asks may play the draft."""
    by_section = groupby(verdict.changes if verdict else (), lambda change: change.section)
    changes = [(section_name(section, language), [in_words(each) for each in its]) for section, its in by_section]
    fault = verdict.lint.fault if verdict else None
    return {
        "verdict": verdict, "changes": changes, "period": _period(parts, asks, verdict),
        "fault_place": in_language(fault.path, language) if fault else "",
        "law": in_language(fault.law, language) if fault else "",
    }  # fmt: skip


def is_sound(verdict: DraftVerdict | None) -> bool:
    """Whether the draft could be published: it breaks no law, on its calendar."""
    return verdict is not None and verdict.pack is not None and not verdict.lint.fault and not verdict.lint.missing


def _period(parts: PageParts, asks: Asker, verdict: DraftVerdict | None) -> tuple[date, date] | None:
    """The period that is offered to play the draft over; None where it is not for who asks, or cannot be played."""
    if parts.experiments is None or verdict is None or verdict.pack is None or not is_sound(verdict):
        return None
    if may(asks.known, TRY, jurisdiction=verdict.pack.jurisdiction) is not None:
        return None
    return usual_period(zone_of(verdict.pack, parts.library), parts.clock.now())
