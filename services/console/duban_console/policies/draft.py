"""A pack that is drafted, before it is published: whether it breaks a law, and what it would change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from duban.errors import PackError
from duban.policy import PolicyPack
from duban.policy.library import Library
from duban_console.pack_text import Difference, Language, differences
from duban_console.packs.lint import Lint, linted
from duban_console.packs.publication import parsed_pack

#: What a draft is called in what is said of it.
DRAFT: Final = "draft"


@dataclass(frozen=True, slots=True)
class DraftVerdict:
    """What there is to say of a draft: its lint, and its changes ``against`` the pack that it was set beside."""

    pack: PolicyPack | None
    lint: Lint
    against: str = ""
    changes: tuple[Difference, ...] = ()


def judged(text: str, library: Library, against: str, language: Language) -> DraftVerdict:
    """What there is to say of the draft in ``text``.

    ``against`` is the pack to compare it with; without one it is the latest of the same id, if there is any.
    """
    try:
        draft = parsed_pack(text, DRAFT)
    except PackError as error:
        return DraftVerdict(None, Lint(error))
    notice = library.calendar(draft.time.calendar)
    lint = linted(draft, DRAFT, [] if notice is None else [notice], language)
    other = library.pack(against) if against else _latest(library, draft.id)
    if other is None:
        return DraftVerdict(draft, lint)
    return DraftVerdict(draft, lint, other.ref, tuple(differences(other, draft, language)))


def _latest(library: Library, id_: str) -> PolicyPack | None:
    return max((pack for pack in library.packs if pack.id == id_), key=lambda pack: pack.version, default=None)
