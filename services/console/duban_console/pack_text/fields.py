"""Any field of a pack in words, from its shape alone: so that a new section is told on the day it is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel

from duban.calendar import Within
from duban.moves import Occasion
from duban.policy.language import Language
from duban.policy.model.assessment import Heading
from duban.policy.model.duty import Every
from duban.policy.model.entry import Text
from duban_console.pack_text.enumerations import chinese
from duban_console.pack_text.words import Words

#: What the head of an entry says already.
_HEAD: Final = ("id", "title", "clause", "basis")

#: The Chinese names of fields; English ones are read off the identifier.
_FIELDS: Final[dict[str, str]] = {
    "version": "版本", "id": "标识", "at": "时刻", "date": "日期", "effective_from": "施行日期",
    "jurisdiction": "适用地区", "document": "文件", "time": "工作时间", "number": "编号",
    "office": "办公室", "units": "单位", "channels": "渠道", "areas": "区域", "categories": "类别",
    "default_category": "默认类别", "matters": "诉求类型", "default_matter": "默认诉求类型",
    "near": "合并条件", "urgent": "紧急", "responsibility_list": "责任清单", "fallback": "兜底单位",
    "always_responsible": "始终负责", "hand_back": "退单", "closing": "销号", "measures": "措施",
    "ladders": "升级阶梯", "obligations": "时限", "parent": "上级", "unit": "单位", "lead": "主办", "co": "协办",
    "to": "告知", "by": "由", "title": "名称", "text": "文书", "running": "计时状态", "since": "起算",
    "within": "期限", "until": "期限", "met_by": "履行方式", "ladder": "升级阶梯", "owner": "责任方",
    "measure": "措施", "before": "提前", "after": "逾期", "levels": "阶梯", "liaison": "联络员",
    "deputy": "分管负责人", "staff": "联络员", "roles": "角色", "outside": "体系外", "tier": "网格层级",
    "cell": "五定", "duty": "职责", "person": "责任人", "task": "任务", "assessment": "考核", "extension": "延期",
    "pause": "暂停计时", "grounds": "事由", "at_most": "最多", "flags": "标记", "gate": "销号条件",
    "checks": "核验", "blocks": "限制", "look_back": "回头看", "raise_by": "起始级别提高", "triggers": "触发措施",
    "windows": "时段", "periods": "起止", "duties": "定期任务", "schedule": "安排", "every": "周期", "on": "时点",
    "during": "仅限时段", "due_on": "截止日", "public": "公开", "proof": "须附证明", "approval": "审批", "flag": "标记",
    "issuers": "联合签发", "referrals": "移送", "lists": "清单", "rewards": "奖励", "bulletins": "通报",
    "grid": "网格", "kind": "种类", "clause": "条款", "basis": "依据", "outcomes": "办理结果", "verify": "须核查",
    "strike_off": "销号方式", "evidence": "须附证据", "clause_cited": "须引条款", "calendar": "日历",
    "hours": "工作时段", "counting": "计算方式", "metres": "距离(米)", "times": "次数", "needs": "须先",
    "says": "说明", "parts": "分工办理", "plan_changes": "方案变更", "public_texts": "公开文本",
    "rectification": "整改类型",
    "of": "列入对象", "keeper": "管理单位", "ground": "事由", "notice": "告知期", "term": "列入期限", "appeal": "申诉",
    "bars": "限制事项", "texts": "文书", "noticed": "列入前告知", "listed": "列入文书", "delisted": "移出文书",
    "platforms": "共享平台", "passed_on": "归集", "passed_on_to": "归集至",
    "opens": "开启", "at_least": "最少", "currency": "币种", "budget": "年度预算", "fixed_within": "核定期限",
    "pays": "发放单位", "collect_within": "领取期限",
    "draws": "随机抽查", "statuses": "问题状态", "share": "比例(%)", "spares": "不抽取名单",
    "never_spares": "仍须抽取的渠道", "items": "执法事项", "item_for": "须引用事项的结果", "code": "编码",
    "column": "栏目", "columns": "栏目", "full_at": "满分值", "zero_at": "零分值", "indicators": "指标",
    "deductions": "扣分项", "points": "每次扣分", "weight": "权重", "least_measured": "参加排名的最低计量权重(%)",
    "own_channels": "自行发现渠道", "period": "周期",
    "recipients": "发送对象", "only": "仅限", "stages": "阶段", "overdue_by": "逾期至少", "needs_approval": "须经批准",
    "signed_by": "签发单位",
    "targets": "环境目标", "measured_in": "计量单位", "once": "仅此一次", "owed_by": "履行单位",
    "before_lapse": "须在期限届满前申请", "ahead": "申请须提前", "decided_by": "由其决定",
    "justification": "说明理由", "accepted_by": "由其认定", "unless_justified": "有正当理由的除外",
    "otherwise": "第二时限", "from_time": "起算时刻", "days_off": "非工作日起算", "deferred": "可转第二时限",
    "while_asked": "申请待决期间", "rejections": "不予受理的事由",
    "replies": "答复与告知", "answers": "作为答复", "forms": "形式", "signed": "签字",
    "steps": "自设办理环节", "fields": "填报内容", "required": "必填", "choices": "选项", "again": "可多次",
    "waived_by": "可免除者",
    "signs": "应付考核的迹象", "per": "按谁计次",
    "ratings": "不满意原因", "then": "随后", "holds_until": "在此之前不核查不销号",
    "detection": "监测数据与集中举报的发现规则", "rules": "数据规则", "surges": "集中举报", "factors": "因子",
    "span": "数据时段", "systems": "系统类型", "when": "何为异常", "above": "高于", "below": "低于",
    "limits": "超出自身限值", "jump": "突变超过", "unchanged": "变化不超过", "above_factor": "高于因子",
    "flagged": "标记为", "missing": "数据缺失", "silent": "无数据达",
    "valid_flags": "有效标记", "raised_by": "开始条件", "cleared_by": "结束条件", "readings": "读数个数",
    "told_every": "持续时每隔", "ends_after": "中断结束", "category": "类别", "matter": "诉求类型", "channel": "渠道",
    "reports": "线索件数",
    "privacy": "个人信息", "seal": "密封内容", "keep": "保存期限", "contact": "联系方式", "content": "线索内容",
}  # fmt: skip


#: The Chinese of closed sets of words.
_VALUES: Final[dict[str, str]] = {
    "day": "每日", "working_day": "每个工作日", "week": "每周", "month": "每月", "quarter": "每季度", "year": "每年",
    "once": "一次", "filed": "报送即生效", "by_approval": "须经批准", "each_co_unit": "各协办单位分别办结",
    "masked": "隐去个人信息", "by_clerk": "经办公室审核",
    "practice": "惯例", "by_office": "由办公室", "automatic": "自动", "never": "不合并",
    "enterprise": "企业", "unit": "单位",
    "reporter": "举报人", "worker": "网格责任人", "waits": "升级阶梯暂停", "goes_on": "升级阶梯照常",
    "redone": "退回重办", "another_unit": "改派其他单位", "nothing": "不作处理",
    "before": "答复前签字", "same_day": "当日签字",
    "hour": "小时", "minute": "分钟", "moment": "实时", "value": "数值", "converted": "折算值", "minimum": "最小值",
    "maximum": "最大值", "total": "累计值",
}  # fmt: skip
#: How a duty is opened that no calendar opens.
_OPENED_OTHERWISE: Final = {
    Every.NEVER: ("only when a measure or a draw opens it", "仅由措施或抽查开启"),
    Every.SILENCE: (
        "when nothing was heard of a source for longer than it may be silent; whoever keeps the source owes it",
        "某一来源超过约定时间没有来信时，由管护该来源的单位承担",
    ),
    Every.PLEDGED: (
        "whenever an enterprise pledges it, by the day that the pledge names", "企业作出承诺时，按承诺的日期",
    ),
}  # fmt: skip
#: Fields whose values are the city's own words, and name no entry of the pack.
_PLAIN: Final = frozenset({"roles", "outcomes"})
#: Fields whose values are events.
_EVENTS: Final = frozenset({"on", "needs", "since", "met_by", "holds_until"})


def field_name(name: str, words: Words) -> str:
    """A field's name for people."""
    plain = name.replace("_", " ")
    return _FIELDS.get(name, plain) if words.language is Language.ZH else plain


def _label(name: str, value: Any, words: Words) -> str:
    """A field's name as it fits its value: ``by`` is mostly a unit, and may be a day or a time."""
    if name == "by" and isinstance(value, Within):
        return words.say("by, each time", "每次延长")
    if name == "by" and isinstance(value, date):
        return words.say("by", "截止日")
    return field_name(name, words)


def value_in_words(value: Any, words: Words) -> str:  # noqa: PLR0911, PLR0912 one line a shape
    """A value of any shape in one line."""
    if isinstance(value, Text):
        return words.text(value)
    if isinstance(value, Occasion):
        return words.event(*value)
    if isinstance(value, Within):
        return words.duration(value)
    if isinstance(value, Heading):
        return words.text(value.title) if value.title else value_in_words(value.column, words)
    if isinstance(value, BaseModel):
        if isinstance(getattr(value, "title", None), Text):
            more = words.say("; ", "；").join(others(value, _HEAD, words))
            return called(value, words) + (words.say(f" ({more})", f"（{more}）") if more else "")
        return words.say("; ", "；").join(others(value, (), words))
    if isinstance(value, bool):
        return words.yes(value)
    if isinstance(value, Every) and value in _OPENED_OTHERWISE:
        return words.say(*_OPENED_OTHERWISE[value])
    if isinstance(value, Enum):
        plain = str(value.value)
        return words.say(plain.replace("_", " "), chinese(value) or _VALUES.get(plain, plain))
    if isinstance(value, date):
        return words.day(value)
    if isinstance(value, str):
        return _word(value, words)
    if isinstance(value, Mapping):
        colon = words.say(": ", "：")
        return words.say("; ", "；").join(f"{key}{colon}{value_in_words(inner, words)}" for key, inner in value.items())
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(day, date) for day in value):
        return words.say(" to ", "至").join(words.day(day) for day in value)
    if isinstance(value, Collection):
        return words.listed(value_in_words(inner, words) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _word(value: str, words: Words) -> str:
    """A word of a closed set, else a unit or what the city wrote."""
    if value in _VALUES and value not in words.titles:
        return words.say(value.replace("_", " "), _VALUES[value])
    return words.unit(value)


def section_in_words(value: Any, words: Words) -> Iterator[str]:
    """A whole section that nothing better is known about: a bullet an entry, or a bullet a field."""
    if isinstance(value, BaseModel):
        foundation = words.founded(value)
        for name, inner in _given(value, _HEAD):
            yield from _field(name, inner, words)
        if foundation:
            yield f"- {foundation}"
    elif isinstance(value, Collection) and not isinstance(value, str):
        for entry in value:
            yield from _entry(entry, words)
    else:
        yield f"- {value_in_words(value, words)}"


def _field(name: str, value: Any, words: Words) -> Iterator[str]:
    """A field; the entries in it, where it is a list of entries, each on a line of its own."""
    called = _label(name, value, words) + words.say(":", "：")
    if isinstance(value, tuple) and value and all(isinstance(entry, BaseModel) for entry in value):
        yield f"- {called}"
        for entry in value:
            yield from (f"  {line}" for line in _entry(entry, words))
    else:
        yield f"- {called}{words.say(' ', '')}{_field_value(name, value, words)}"


def _field_value(name: str, value: Any, words: Words) -> str:
    """A field's value; events by their own words, entries of the pack by their titles."""
    many = value if isinstance(value, tuple) and not isinstance(value, Occasion) else (value,)
    if name in _PLAIN:
        return words.listed(many)
    if name in _EVENTS:
        return words.listed(
            words.event(*event) if isinstance(event, Occasion) else value_in_words(event, words) for event in many
        )
    titles = words.entries.get(name, {})
    if any(isinstance(entry, str) and entry in titles for entry in many):
        return words.names(many, titles)
    return value_in_words(value, words)


def _entry(entry: Any, words: Words) -> Iterator[str]:
    if not isinstance(entry, BaseModel):
        yield f"- {value_in_words(entry, words)}"
        return
    rest = others(entry, _HEAD, words)
    head = [f"**{called(entry, words)}**"] if called(entry, words) else []
    parts = words.say("; ", "；").join(rest)
    colon = words.say(": ", "：") if head and parts else ""
    yield f"- {''.join(head)}{colon}{parts} {words.founded(entry)}".rstrip()


def called(entry: Any, words: Words) -> str:
    """What an entry is called: its title, else its id."""
    title = getattr(entry, "title", None)
    return words.text(title) if isinstance(title, Text) else str(getattr(entry, "id", ""))


def others(entry: BaseModel, known: Collection[str], words: Words) -> list[str]:
    """The fields of ``entry`` that are set and not ``known``, each as ``name: value``."""
    colon = words.say(": ", "：")
    return [
        f"{_label(name, value, words)}{colon}{_field_value(name, value, words)}" for name, value in _given(entry, known)
    ]


def _given(entry: BaseModel, known: Collection[str]) -> list[tuple[str, Any]]:
    """The fields that say something: set, and neither the default nor ``known``."""
    fields = type(entry).model_fields
    return [
        (name, value)
        for name, value in entry
        if name not in known and value is not None and value != () and value != fields[name].default
    ]
