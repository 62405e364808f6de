"""Personal data: what goes on in the clear beside what is sealed, and what is kept without end."""

from __future__ import annotations

from collections.abc import Iterator

from duban.messages.report import SealedField
from duban.policy.advice.form import Advice, Speech
from duban.policy.model.pack import PolicyPack


def titles_beside_sealed_texts(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Texts that are sealed while titles, which people write too, stand in lists, notices and the ledger for ever."""
    if pack.privacy is not None and SealedField.TITLE not in pack.privacy.seal:
        words = speech.say(
            "the titles of reports stay open, and people write names into them: add `title`, if they may",
            "线索的标题不密封，而有人会在标题中写姓名：可能如此的，请加上 `title`",
        )
        yield Advice("title_in_clear", "privacy.seal", words, "note")


def kept_without_end(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """What is sealed, and never destroyed unless somebody asks."""
    if pack.privacy is None:
        return
    keep = pack.privacy.keep
    terms = {"contact": keep and keep.contact, "content": keep and keep.content}
    if SealedField.EVIDENCE in pack.privacy.seal:
        terms["evidence"] = keep and keep.evidence
    without = [name for name, term in terms.items() if term is None]
    if without:
        names = ", ".join(without)
        words = speech.say(
            f"kept without end, unless somebody asks: {names}; give a term in `keep`",
            f"无人申请即无限期保存：{names}；请在 `keep` 中写明期限",
        )
        yield Advice("kept_without_end", "privacy.keep", words, "note")
