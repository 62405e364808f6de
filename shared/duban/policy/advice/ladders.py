"""Ladders: what a level says that has no effect where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice, Speech
from duban.policy.model.pack import PolicyPack


def reminders_that_wait_for_nobody(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Measures with an approval or a flag that are taken before the lapse: a reminder is sent, and does no more."""
    measures = {measure.id: measure for measure in pack.measures}
    for i, ladder in enumerate(pack.ladders):
        for j, level in enumerate(ladder.levels):
            measure = measures[level.measure]
            path = f"ladders.{i}.levels.{j}.measure"
            if level.is_reminder and measure.approval is not None:
                words = speech.say(
                    f"a reminder waits for nobody: {measure.id} is sent before the lapse without {measure.approval}; "
                    "take a measure without `approval`",
                    f"提醒不等待审批：{measure.id} 在届满之前发出，不经 {measure.approval} 批准；"
                    "请改用不写 `approval` 的措施",
                )
                yield Advice("approval_unheeded", path, words)
            if level.is_reminder and measure.flag is not None:
                words = speech.say(
                    f"a reminder sets no mark: {measure.id} sets {measure.flag} only from the lapse on",
                    f"提醒不加标记：{measure.id} 自逾期起才加标记 {measure.flag}",
                )
                yield Advice("flag_unheeded", path, words)
