"""The words in which a pack is told: durations, statuses, events and roles, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from duban.calendar import Counting, Within
from duban.moves import SATISFIED, UNSATISFIED
from duban.policy.language import Language
from duban.policy.model.entry import Text

#: English, Chinese.
Phrase = tuple[str, str]

STATUSES: Final[dict[str, Phrase]] = {
    "registered": ("waiting for a unit", "待交办"),
    "dispatched": ("given to a unit", "已交办待签收"),
    "underway": ("at work", "办理中"),
    "paused": ("paused", "暂停计时"),
    "verifying": ("waiting for verification", "待核查"),
    "verified": ("waiting for strike-off", "待销号"),
    "struck_off": ("struck off", "已销号"),
    "rejected": ("rejected", "不予受理"),
    "noticed": ("told that it is to be listed", "拟列入，可申诉"),
    "contested": ("contested before it counts", "申诉待决，暂不生效"),
    "listed": ("on the list", "已列入"),
    "delisted": ("off the list", "已移出"),
    "owed": ("owed, its amount not fixed yet", "待核定金额"),
    "awarded": ("awarded, waiting to be collected", "待领取"),
    "settled": ("settled", "已了结"),
    "taken": ("taken", "已录入"),
}

EVENTS: Final[dict[str, Phrase]] = {
    "registered": ("registration", "登记"),
    "opened": ("its opening", "开启"),
    "attached": ("a further report", "并入线索"),
    "rejected": ("rejection", "不予受理"),
    "dispatched": ("dispatch", "交办"),
    "classified": ("a correction of category or matter", "更正类别或诉求类型"),
    "acknowledged": ("acknowledgement", "签收"),
    "handed_back": ("hand-back", "退单"),
    "withdrawn": ("being taken from its unit", "收回另派"),
    "planned": ("filing of the plan", "报送整改方案"),
    "plan_proposed": ("a proposed change of the plan", "申请变更方案"),
    "plan_refused": ("refusal of a changed plan", "方案变更未获批"),
    "milestone_reached": ("a milestone reached", "节点完成"),
    "reviewed": ("a review", "评估"),
    "progressed": ("a word on progress", "报送进展"),
    "part_finished": ("a co-unit's part finished", "协办单位办结"),
    "extension_asked": ("a request for more time", "申请延期"),
    "extended": ("an extension", "批准延期"),
    "extension_denied": ("a denied extension", "延期未获批"),
    "justification_filed": ("a reason given for being late", "说明理由"),
    "justification_accepted": ("acceptance of the reason", "理由成立"),
    "justification_refused": ("refusal of the reason", "理由不成立"),
    "deferred": ("a deferral to the second limit", "改按第二时限"),
    "paused": ("a pause", "暂停"),
    "resumed": ("the end of a pause", "恢复计时"),
    "completed": ("completion", "办结"),
    "verified": ("verification", "核查通过"),
    "sent_back": ("being sent back", "退回重办"),
    "checked": ("a signed check", "核验签字"),
    "struck_off": ("strike-off", "销号"),
    "step_taken": ("a step of the pack's own", "完成自设环节"),
    "step_waived": ("the waiver of a step", "免除自设环节"),
    "sign_seen": ("a sign being seen", "发现迹象"),
    "looked_back": ("a look back", "回头看"),
    "rebounded": ("a rebound", "反弹"),
    "reopened": ("reopening", "重新立案"),
    "reminded": ("a reminder", "提示"),
    "escalated": ("an escalation", "升级"),
    "replied": ("a reply", "回复"),
    "rated": ("a rating", "评价"),
    "flagged": ("a mark being set", "加标"),
    "unflagged": ("a mark being taken off", "去标"),
    "sponsored": ("sponsorship by a leader", "领导包案"),
    "referred": ("referral", "移送"),
    "received": ("receipt", "接收"),
    "measured": ("a measure", "采取措施"),
    "approved": ("approval", "批准"),
    "withheld": ("approval withheld", "不予批准"),
    "passed_on": ("being passed on to a platform", "归集至平台"),
    "recomputed": ("a new reckoning", "重新计时"),
    "noticed": ("notice of a listing", "拟列入告知"),
    "listed": ("listing", "列入"),
    "appealed": ("an appeal", "申诉"),
    "appeal_upheld": ("an appeal upheld", "申诉成立"),
    "appeal_dismissed": ("an appeal dismissed", "申诉不成立"),
    "exited": ("an early exit", "提前移出"),
    "expired": ("the end of its term", "期限届满"),
    "reward_owed": ("a reward becoming due", "应予奖励"),
    "awarded": ("an award", "核定金额"),
    "declined": ("a reward declined", "不予奖励"),
    "collected": ("collection of a reward", "领取奖励"),
    "reading_taken": ("a reading", "录入读数"),
}

ROLES: Final[dict[str, Phrase]] = {
    "@owner": ("the unit that owes it", "责任单位"),
    "@superior": ("the unit above it", "其上级单位"),
    "@lead": ("the lead unit", "主办单位"),
    "@co": ("the co-units", "协办单位"),
    "@office": ("the office", "办公室"),
    "@referred": ("each body that it is referred to", "各受移送单位"),
    "@sponsor": ("the leader who sponsors it", "包案领导"),
    "@territorial": ("the unit of the area", "属地单位"),
    "@units": ("every unit that stands in it", "表中各单位"),
    "@desk": ("a person at the desk", "人工分办"),
}

_UNTIL: Final[dict[str, Phrase]] = {
    "plan_due": ("by the date of the filed plan", "按整改方案确定的日期"),
    "milestone_due": ("by the date of the plan's next milestone", "按整改方案下一节点的日期"),
}

_DURATIONS: Final[dict[str, tuple[str, str, str]]] = {
    "minutes": ("minute", "minutes", "分钟"),
    "hours": ("hour", "hours", "小时"),
    "days": ("day", "days", "日"),
    "weeks": ("week", "weeks", "周"),
    "months": ("month", "months", "个月"),
    "years": ("year", "years", "年"),
    "working_days": ("working day", "working days", "个工作日"),
    "working_hours": ("working hour", "working hours", "个工作小时"),
}

COUNTING: Final[dict[Counting, Phrase]] = {
    Counting.WHOLE_DAYS: (
        "By whole days: the day of the event does not count, and a period ends at the close of its last working day.",
        "按整日计算：开始当日不计入，期间于最后一个工作日下班时届满。",
    ),
    Counting.ELAPSED: (
        "From the moment itself: n days later at the same time of day; outside working hours, from the next opening.",
        "自行为发生之时起算，至若干日后同一时刻；非工作时间发生的，自下一上班时刻起算。",
    ),
}

WEEKDAYS: Final[dict[str, Phrase]] = {
    "mon": ("Mon", "周一"),
    "tue": ("Tue", "周二"),
    "wed": ("Wed", "周三"),
    "thu": ("Thu", "周四"),
    "fri": ("Fri", "周五"),
    "sat": ("Sat", "周六"),
    "sun": ("Sun", "周日"),
}


_RATED: Final[dict[str, Phrase]] = {SATISFIED: ("satisfied", "满意"), UNSATISFIED: ("not satisfied", "不满意")}
#: The field whose entries an event may be of.
_KNOWN_AS: Final = {"replied": "reply", "rated": "rating", "sign_seen": "sign"}


class Words:
    """One language; with ``titles`` units are named by them, with ``entries`` what a field of that name refers to.

    ``steps`` are the titles of the pack's own.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.titles: dict[str, str] = {}
        self.entries: dict[str, dict[str, str]] = {}
        self.steps: dict[str, str] = {}

    def say(self, en: str, zh: str) -> str:
        """The one or the other."""
        return zh if self.language is Language.ZH else en

    def text(self, text: Text) -> str:
        """The pack's own words; English where it has no Chinese."""
        return text.native if self.language is Language.ZH else text.en

    def status(self, status: str) -> str:
        return self.say(*STATUSES.get(status, (status.replace("_", " "), status)))

    def event(self, kind: str, of: str | None = None) -> str:
        """An event; of which flag, reply, ground, body or step it is, where the pack says so."""
        event = self.say(*EVENTS.get(kind, (kind.replace("_", " "), kind)))
        if of is None:
            return event
        if kind == "step_taken":
            return self.say(f"the step “{self.steps.get(of, of)}”", f"“{self.steps.get(of, of)}”环节")
        if kind == "step_waived":
            return self.say(f"the waiver of “{self.steps.get(of, of)}”", f"免除“{self.steps.get(of, of)}”环节")
        if kind == "rated" and of in _RATED:
            name = self.say(*_RATED[of])
        else:
            name = self.entries.get(_KNOWN_AS.get(kind, "flag"), {}).get(of) or self.unit(of)
        return self.say(f"{event} ({name})", f"{event}（{name}）")

    def unit(self, unit: str) -> str:
        """A unit by its title, or a role."""
        return self.say(*ROLES[unit]) if unit in ROLES else self.titles.get(unit, unit)

    def names(self, ids: Iterable[str], titles: dict[str, str]) -> str:
        """Entries by their titles, as a list in words."""
        return self.listed(titles.get(id_, id_) for id_ in ids)

    def listed(self, parts: Iterable[str], last: Phrase = ("and", "、")) -> str:
        """``a, b and c``; with ``last`` as ("or", "或") a choice."""
        known = list(parts)
        if len(known) < 2:
            return "".join(known)
        join = self.say(f" {last[0]} ", last[1])
        return self.say(", ", "、").join(known[:-1]) + join + known[-1]

    def duration(self, within: Within) -> str:
        """``3 working days``, ``3个工作日``."""
        if within.at is not None:
            if within.in_days == 0:
                return self.say(f"{within.at} the same day", f"当日{within.at}")
            if within.in_days == 1:
                return self.say(f"{within.at} the next day", f"次日{within.at}")
            return self.say(f"{within.at} on day {within.in_days}", f"第{within.in_days}日{within.at}")
        for kind, (singular, many, zh) in _DURATIONS.items():
            amount = getattr(within, kind)
            if amount is not None:
                return self.say(f"{amount:g} {singular if amount == 1 else many}", f"{amount:g}{zh}")
        raise AssertionError(f"{within} is of no kind")

    def until(self, until: str) -> str:
        return self.say(*_UNTIL.get(until, (f"by {until.replace('_', ' ')}", until)))

    def founded(self, entry: Any) -> str:
        """What an entry rests on, in brackets; empty where it need not rest on anything."""
        clause = getattr(entry, "clause", None)
        if clause is None:
            return self.say("[practice]", "〔惯例〕") if getattr(entry, "basis", None) else ""
        return f"[{clause}]" if self.language is Language.EN else f"〔{clause}〕"

    def yes(self, value: bool) -> str:
        return self.say("yes", "是") if value else self.say("no", "否")

    def day(self, day: date) -> str:
        return self.say(day.isoformat(), f"{day.year}年{day.month}月{day.day}日")
