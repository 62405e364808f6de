"""The tables of the guide to packs, in English and in Chinese: every act with its fields, every kind of measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec

from duban.messages import commands as do
from duban.policy.model.ladder import MeasureKind
from duban_console.action import ACTIONS
from duban_escalation.measures import effect
from duban_router.domain.permission import PERMITTED

Language: TypeAlias = Literal["en", "zh"]

#: What stands with every act.
_OF_ALL: Final = ("actor", "reason")
_ROLES: Final = {
    "lead": ("the lead unit", "牵头单位"),
    "co": ("co-units", "配合单位"),
    "office": ("the office", "办公室"),
    "desk": ("the fallback desk", "兜底单位"),
}
#: Who sends an act where the pack says who, or where the record is no problem.
_BY: Final = {
    "defer": ("whoever owes it, or the office", "责任单位或办公室"),
    "reply": ("the lead unit or the office, or `by` of the reply", "牵头单位或办公室，或者答复的 `by`"),
    "receive": ("the body that it was referred to", "接受移送的机关"),
    "decide_extension": ("`extension.decided_by`", "`extension.decided_by`"),
    "justify": ("whoever owes it", "责任单位"),
    "decide_justification": ("`justification.accepted_by`", "`justification.accepted_by`"),
    "check": ("`gate.checks.by`", "`gate.checks.by`"),
    "look_back": ("`look_back.by`", "`look_back.by`"),
    "take_step": ("`by` of the step", "环节的 `by`"),
    "waive_step": ("`waived_by` of the step", "环节的 `waived_by`"),
    "approve": ("`approval` of the measure", "措施的 `approval`"),
    "withhold": ("`approval` of the measure", "措施的 `approval`"),
    "pass_on": ("the unit that has it in hand, or the office", "手上有此事项的单位或办公室"),
    "appeal": ("the keeper of the list, or `appeal.to`", "名单的 `keeper`，或者 `appeal.to`"),
    "decide_appeal": ("`appeal.to`", "`appeal.to`"),
    "take_off_list": ("the keeper of the list", "名单的 `keeper`"),
    "award": ("`by` of the reward", "奖励的 `by`"),
    "decline": ("`by` of the reward", "奖励的 `by`"),
    "collect": ("`pays` of the reward", "奖励的 `pays`"),
}
#: The Chinese of what each act is.
_ACTS: Final = {
    "reject": "对待交办或者办理中的问题不予受理，说明理由", "dispatch": "交办给牵头单位，注明条款",
    "classify": "更正问题的类别或诉求类型，说明理由", "acknowledge": "签收",
    "hand_back": "退单，说明理由，附证据并引用条款", "plan": "报送整改方案，或者申请变更",
    "decide_plan": "批准或者不批准变更方案", "reach_milestone": "完成方案的下一节点",
    "review": "评估长期整改，整改继续", "finish_part": "配合单位办结自己的部分",
    "ask_extension": "申请延长一项义务的时限", "decide_extension": "批准或者不批准延期",
    "justify": "说明逾期的理由，可引用条款、附证据", "decide_justification": "认定理由成立，或者不成立",
    "defer": "在期限内说明不能按第一时限办理，改按第二时限", "pause": "按所列事由暂停计时",
    "resume": "恢复计时", "flag": "加标记，可同时指定配合单位", "unflag": "去标记", "sponsor": "确定包案领导和结对单位",
    "refer": "移送其他机关", "receive": "确认收到移送", "reply": "向举报人反馈", "rate": "记录举报人是否满意",
    "check": "签一项销号审核，附证据", "look_back": "回头看的结论：属实、及时、有效，是否反弹",
    "take_step": "完成政策包自设的一个环节，填报所需内容", "waive_step": "免除一个自设环节，说明理由",
    "approve": "批准待批的措施", "withhold": "不采取待批的措施，说明理由",
    "pass_on": "记录已归集至平台，附平台回执号或者证明", "appeal": "列入对象提出申诉",
    "decide_appeal": "申诉成立，或者不成立",
    "take_off_list": "有证明的，提前移出名单", "award": "核定奖励金额", "decline": "不予奖励，说明理由",
    "collect": "凭举报码领取奖励", "progress": "报送进展", "complete": "报办结，注明办理结果和引用的执法事项",
    "verify": "核查通过，或者退回重办", "strike_off": "销号", "reopen": "重新立案",
}  # fmt: skip
_KINDS: Final = {
    "reminder": ("reminder", "提醒"), "page": ("call to whoever is on duty", "呼叫值班人员"),
    "bulletin": ("bulletin", "通报"),
    "interview": ("interview", "约谈"), "exposure": ("public exposure", "公开曝光"), "card": ("card", "红黄牌"),
    "rectify_order": ("order to rectify", "责令整改"), "supervision": ("supervision", "督办"),
    "listed_supervision": ("listed supervision", "挂牌督办"), "special_inspection": ("special inspection", "专项督察"),
    "referral": ("referral", "移送"), "credit": ("credit record", "信用记录"), "assistance": ("assistance", "帮扶"),
    "accountability": ("accountability", "追责问责"),
}  # fmt: skip


def acts(language: Language) -> str:
    """Every act: who sends it, its fields, the needed ones first, and what it does."""
    head = {"en": "| act | by | fields | what it says |", "zh": "| 动作 | 谁来做 | 字段 | 含义 |"}[language]
    return _table(head, (_act(name, model, language) for name, model in ACTIONS.items()))


def _act(name: str, model: type[do.Command], language: Language) -> str:
    summary = _ACTS[name] if language == "zh" else (model.__doc__ or "").split("\n")[0].rstrip(".").replace("``", "`")
    info = msgspec.inspect.type_info(model)
    assert isinstance(info, msgspec.inspect.StructType)
    return f"| `{name}` | {_by(name, model, language)} | {', '.join(_fields(info)) or '–'} | {summary} |"


def _by(name: str, model: type[do.Command], language: Language) -> str:
    at = 0 if language == "en" else 1
    if name in _BY:
        return _BY[name][at]
    roles = [_ROLES[role][at] for role in sorted(PERMITTED[model]) if role in _ROLES]
    return {"en": " or ", "zh": "或"}[language].join(roles)


def _fields(info: msgspec.inspect.StructType) -> Iterator[str]:
    """The fields, each as code; what may be left out in brackets, and of a plan what stands in it."""
    for field in sorted(info.fields, key=lambda field: not field.required):
        if field.name in _OF_ALL:
            continue
        shown = f"`{field.name}`" if field.required else f"[`{field.name}`]"
        inner = _struct(field.type)
        if inner is not None and field.name != "evidence":
            shown += f" ({', '.join(_fields(inner))})"
        yield shown


def _struct(info: Any) -> msgspec.inspect.StructType | None:
    """The struct in ``info``, or in the list that it is."""
    if isinstance(info, msgspec.inspect.Metadata):
        return _struct(info.type)
    if isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        return _struct(info.item_type)
    return info if isinstance(info, msgspec.inspect.StructType) else None


def measures(language: Language) -> str:
    """Every kind of measure, and what comes of it beside its record and its notice."""
    head = {"en": "| `kind` | what it is | beside its notice |", "zh": "| `kind` | 名称 | 通知之外的效果 |"}[language]
    return _table(head, (_measure(kind, language) for kind in MeasureKind))


def _measure(kind: MeasureKind, language: Language) -> str:
    at = 0 if language == "en" else 1
    done = effect(kind)
    words = ("–", "–")
    if done.board is not None and done.standing:
        words = (
            f"on the public board `{done.board}` until the problem is closed",
            f"列入公示栏 `{done.board}`，至结案为止",
        )
    elif done.board is not None:
        words = (f"on the public board `{done.board}`", f"列入公示栏 `{done.board}`")
    return f"| `{kind}` | {_KINDS[kind][at]} | {words[at]} |"


def _table(head: str, rows: Iterator[str]) -> str:
    return "\n".join([head, "| --- " * (head.count("|") - 1) + "|", *rows]) + "\n"
