"""Personal data in sentences: what of reports is sealed, and how long each class of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.messages.report import SealedField
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.enumerations import chinese
from duban_console.pack_text.words import Words

_CLASSES: Final = {
    "contact": ("Who reported", "举报人联系方式"),
    "content": ("What is sealed of what a report says", "密封的线索内容"),
    "evidence": ("Every file of a report", "线索所附文件"),
}


def privacy(pack: PolicyPack, words: Words) -> Iterator[str]:
    """A bullet for what is sealed, and one for each class that is kept for a time."""
    rule = pack.privacy
    assert rule is not None  # a section that is empty is not told
    founded = words.founded(rule)
    fields = words.listed(words.say(field.value, chinese(field) or field.value) for field in rule.seal)
    yield words.say(
        f"- Of every report is sealed, under a key of its own: {fields}. Whoever may see the problem is shown it, "
        "until the key is destroyed: when the reporter asks for it, or as below." + (f" {founded}" if founded else ""),
        f"- 每件线索各以一把密钥密封：{fields}。"
        f"有权查看问题的人可见原文，直至密钥销毁（举报人提出要求，或保存期满）。{founded}",
    )
    if SealedField.TITLE in rule.seal:
        yield words.say(
            "- Lists and notices show the category in place of the title.", "- 清单与通知以问题类别代替标题。"
        )
    for name, (english, native) in _CLASSES.items():
        term = getattr(rule.keep, name) if rule.keep is not None else None
        if term is not None:
            length = words.duration(term)
            yield words.say(
                f"- {english} is kept for {length} after the problem is closed, and then destroyed.",
                f"- {native}自问题办结（销号或不予受理）起保存{length}，期满销毁。",
            )
