"""What there is to say of a pack that is drafted: the first law that it breaks, else what looks like a slip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from duban.calendar import CalendarNotice
from duban.errors import PackError
from duban.policy import PolicyPack, Rules
from duban.policy.advice import Advice, advice
from duban.policy.language import Language
from duban_console.packs.publication import Published, check_together


@dataclass(frozen=True, slots=True)
class Lint:
    """``fault`` is the law that is broken; without one ``advice`` follows, and ``missing`` names its calendar
    where that is not at hand.
    """

    fault: PackError | None = None
    missing: str | None = None
    advice: tuple[Advice, ...] = ()


def linted(document: Published, file: str, notices: Iterable[CalendarNotice], language: Language = Language.EN) -> Lint:
    """What there is to say of ``document``, known as ``file``, on its calendar among ``notices``, in ``language``."""
    notices = list(notices)
    try:
        missing = check_together([(Path(file), document)], notices)
    except PackError as error:
        return Lint(error)
    if not isinstance(document, PolicyPack):
        return Lint()
    notice = next((candidate for candidate in notices if candidate.id == document.time.calendar), None)
    calendar = Rules.compile(document, notice).calendar if notice else None
    return Lint(missing=missing[0] if missing else None, advice=tuple(advice(document, calendar, language)))
