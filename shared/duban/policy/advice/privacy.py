"""Personal data: what goes on in the clear beside what is sealed, and what is kept without end."""

from __future__ import annotations

from collections.abc import Iterator

from duban.messages.report import SealedField
from duban.policy.advice.form import Advice
from duban.policy.model.pack import PolicyPack


def titles_beside_sealed_texts(pack: PolicyPack) -> Iterator[Advice]:
    """Texts that are sealed while titles, which people write too, stand in lists, notices and the ledger for ever."""
    if pack.privacy is not None and SealedField.TITLE not in pack.privacy.seal:
        words = "the titles of reports stay open, and people write names into them: add `title`, if they may"
        yield Advice("title_in_clear", "privacy.seal", words, "note")


def kept_without_end(pack: PolicyPack) -> Iterator[Advice]:
    """What is sealed, and never destroyed unless somebody asks."""
    if pack.privacy is None:
        return
    keep = pack.privacy.keep
    terms = {"contact": keep and keep.contact, "content": keep and keep.content}
    if SealedField.EVIDENCE in pack.privacy.seal:
        terms["evidence"] = keep and keep.evidence
    without = [name for name, term in terms.items() if term is None]
    if without:
        words = f"kept without end, unless somebody asks: {', '.join(without)}; give a term in `keep`"
        yield Advice("kept_without_end", "privacy.keep", words, "note")
