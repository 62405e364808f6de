"""What stands above columns and in cells where the pack has no words of its own. Texts for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from duban.policy import Rules
from duban.policy.model.assessment import Column
from duban.policy.model.entry import Text

_C = Column

Language = Literal["en", "zh"]


class Bilingual(Protocol):
    """A text in English, and in Chinese where there is one."""

    @property
    def en(self) -> str: ...
    @property
    def zh(self) -> str | None: ...


def said(text: Bilingual, language: Language) -> str:
    """``text`` in ``language``, in English where it has no other."""
    return (text.zh or text.en) if language == "zh" else text.en


def listed(texts: Sequence[str], language: Language) -> str:
    """``texts`` in one cell."""
    return ("；" if language == "zh" else "; ").join(texts)


def title_of(unit: str, rules: Rules, language: Language) -> str:
    """A unit in ``language``; one that the pack does not have by the name given."""
    return said(rules.units[unit].title, language) if unit in rules.units else unit


def breadth(text: str) -> int:
    """How many letters wide ``text`` is; a Chinese character is as wide as two."""
    return sum(2 if ord(letter) >= 0x1100 else 1 for letter in text)


def texts(pairs: Mapping[str, tuple[str, str]]) -> dict[str, Text]:
    """Texts by their names, from English and Chinese."""
    return {key: Text(en=en, zh=zh) for key, (en, zh) in pairs.items()}


HEADINGS: Final = texts(
    {
        _C.UNIT: ("Unit", "责任单位"),
        _C.RECEIVED: ("Received", "交办数"),
        _C.OPEN: ("Open", "在办数"),
        _C.COMPLETED: ("Completed", "办结数"),
        _C.STRUCK_OFF: ("Struck off", "销号数"),
        _C.DUE: ("Due", "应办事项"),
        _C.DONE: ("Done", "已办事项"),
        _C.DUTIES: ("Duties due", "应报事项"),
        _C.DUTIES_ON_TIME: ("Duties in time", "按时报送"),
        _C.ON_TIME: ("On time", "按时"),
        _C.EXTENDED: ("Within an extension", "延期内"),
        _C.LATE: ("Late", "逾期"),
        _C.OVERDUE: ("Overdue", "逾期未办"),
        _C.NO_DEADLINE: ("Without deadline", "无时限"),
        _C.ON_TIME_RATE: ("On time, %", "按时率（%）"),
        _C.KEPT_RATE: ("On time with extensions, %", "含延期按时率（%）"),
        _C.HAND_BACKS: ("Handed back", "退单次数"),
        _C.EXTENSIONS: ("Extensions", "延期次数"),
        _C.PAUSES: ("Pauses", "暂停次数"),
        _C.SENT_BACK: ("Sent back", "验收退回"),
        _C.REBOUNDS: ("Rebounds", "反弹数"),
        _C.ESCALATIONS: ("Measures taken", "督办措施"),
        _C.EXPOSURES: ("Exposures", "曝光数"),
        _C.HELD_HOURS: ("Held, working hours", "持有工时"),
        _C.REASONS: ("Reasons", "未完成原因"),
        _C.SCORE: ("Score", "得分"),
        _C.MEASURED: ("Weight measured", "已计权重"),
        _C.RANK: ("Rank", "排名"),
        _C.NUMBER: ("Number", "编号"),
        _C.TITLE: ("Problem", "问题"),
        _C.CATEGORY: ("Class", "类别"),
        _C.MATTER: ("Wants", "诉求类型"),
        _C.AREA: ("Area", "区域"),
        _C.CHANNEL: ("Channel", "来源"),
        _C.ENTERPRISE: ("Enterprise", "企业"),
        _C.STAGE: ("Stage", "阶段"),
        _C.STATUS: ("Status", "状态"),
        _C.CO_UNITS: ("Co-units", "配合单位"),
        _C.CLAUSE: ("Clause", "责任依据"),
        _C.REGISTERED_ON: ("Registered on", "登记日期"),
        _C.OBLIGATION: ("Owed", "任务"),
        _C.OWNER: ("Owed by", "责任方"),
        _C.DUE_ON: ("Due on", "时限"),
        _C.DAYS_LATE: ("Days late", "逾期天数"),
        _C.SPONSOR: ("Leader", "包案领导"),
        _C.TARGET: ("Target", "整改目标"),
        _C.MEASURES: ("Measures", "整改措施"),
        _C.PERSON: ("Person", "责任人"),
        _C.MILESTONES: ("Milestones", "阶段性目标"),
        _C.PLANNED_FROM: ("From", "开始日期"),
        _C.PLANNED_TO: ("To", "完成时限"),
        _C.STANDING: ("Where it stands", "进度"),
        _C.DAYS_BEHIND: ("Days behind", "滞后天数"),
        _C.MEASURE: ("Measure taken", "已采取措施"),
        _C.EXPOSED_ON: ("Exposed on", "曝光日期"),
        _C.REASON: ("Reason", "原因"),
        _C.LEADS: ("Leads", "牵头问题"),
        _C.JOINS: ("Takes part in", "配合问题"),
        _C.INDICATOR: ("Indicator", "指标"),
        _C.BOUND: ("To be", "目标值"),
        _C.MEASURED_IN: ("In", "单位"),
        _C.READING: ("Reading", "实际值"),
        _C.READ_ON: ("Read on", "数据日期"),
        _C.REACHED: ("Reached", "完成情况"),
        _C.GAP: ("Missing", "差距"),
        _C.REACH_BY: ("By", "完成时限"),
    }
)

WORDS: Final = texts(
    {
        "total": ("Total", "合计"),
        "no_reason": ("no reason given", "未说明原因"),
        "done": ("done", "已完成"),
        "on_the_way": ("on the way", "推进中"),
        "behind": ("behind by {days} d", "滞后{days}天"),
        "milestone": ("{title} ({day})", "{title}（{day}）"),
        "milestone_reached": ("{title} ({day}, reached)", "{title}（{day}，已完成）"),
        "reached": ("reached", "达标"),
        "missed": ("missing by {gap}", "差{gap}"),
        "not_read": ("no reading", "无数据"),
        "points": ("{title}, points", "{title}得分"),
        "points_off": ("{title}, points off", "{title}扣分"),
        "discovery": ("discovery", "发现"),
        "transfer": ("transfer", "移交"),
        "disposal": ("disposal", "处置"),
        "closed": ("closed", "已销号"),
        "registered": ("registered", "已登记"),
        "dispatched": ("dispatched", "已交办"),
        "underway": ("underway", "整改中"),
        "paused": ("paused", "已暂停"),
        "verifying": ("verifying", "待验收"),
        "verified": ("verified", "待销号"),
        "struck_off": ("struck off", "已销号"),
        "rejected": ("rejected", "不予受理"),
        "noticed": ("notice given", "已告知"),
        "contested": ("contested", "申辩中"),
        "listed": ("listed", "已列入"),
        "delisted": ("delisted", "已移出"),
        "owed": ("owed", "待核定"),
        "awarded": ("awarded", "待领取"),
        "settled": ("settled", "已办结"),
        "taken": ("taken", "已录入"),
    }
)
