"""The Chinese of every closed set of words that a pack may use: kinds, periods, stages, columns."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from duban.messages.commands import Rectification
from duban.messages.report import SealedField
from duban.moves import Stage
from duban.policy.model.assessment import BulletinKind, Column, IndicatorKind, Period
from duban.policy.model.ladder import MeasureKind
from duban.policy.model.sign import SignKind
from duban.policy.model.step import ValueKind

_INDICATORS: Final = {
    "time_to_find": "发现用时", "time_to_respond": "响应用时", "time_to_resolve": "办理用时",
    "on_time_rate": "按期办结率", "kept_rate": "按期（含延期）办结率", "satisfaction": "满意率",
    "feedback_rate": "反馈率", "found_by_others_first": "他人先发现率", "coverage": "巡查覆盖率",
    "duty_rate": "定期任务按时率", "rebound_rate": "反弹率", "sent_back_rate": "核查退回率",
    "hand_back_rate": "退单率", "last_moment_rate": "临期办结率", "copied_note_rate": "雷同记录率",
    "target_rate": "目标达标率",
}  # fmt: skip
_COLUMNS: Final = {
    "unit": "单位", "received": "收到", "open": "在办", "completed": "办结", "due": "应办", "done": "已办",
    "duties": "定期任务", "duties_on_time": "按时完成的任务", "on_time": "按期", "extended": "延期",
    "late": "逾期办结", "overdue": "逾期未办", "no_deadline": "无时限", "on_time_rate": "按期办结率",
    "kept_rate": "按期（含延期）办结率", "hand_backs": "退单次数", "extensions": "延期次数", "pauses": "暂停次数",
    "sent_back": "退回次数", "rebounds": "反弹次数", "escalations": "升级次数", "exposures": "曝光次数",
    "held_hours": "持有时长", "reasons": "原因", "score": "得分", "measured": "计量权重", "rank": "排名",
    "number": "编号", "title": "标题", "category": "类别", "matter": "诉求类型",
    "area": "区域", "channel": "渠道", "enterprise": "企业",
    "stage": "阶段", "status": "状态", "co_units": "协办单位", "clause": "条款", "registered_on": "登记日期",
    "obligation": "时限事项", "owner": "责任单位", "due_on": "到期日", "days_late": "逾期天数",
    "sponsor": "包案领导", "target": "整改目标", "measures": "整改措施", "person": "责任人", "milestones": "节点",
    "planned_from": "报送方案日期", "planned_to": "方案完成日期", "standing": "进度", "days_behind": "滞后天数",
    "measure": "已采取的最高措施", "exposed_on": "曝光日期", "reason": "最近说明", "leads": "主办问题",
    "joins": "协办问题", "indicator": "指标", "bound": "目标值", "measured_in": "计量单位", "reading": "最近读数",
    "read_on": "读数日期", "reached": "是否达标", "gap": "差距", "reach_by": "达标期限",
}  # fmt: skip
_MEASURES: Final = {
    "reminder": "提醒", "page": "呼叫值班", "bulletin": "通报", "interview": "约谈", "exposure": "曝光",
    "card": "红黄牌", "rectify_order": "责令整改", "supervision": "督办", "listed_supervision": "挂牌督办",
    "special_inspection": "专项督察", "referral": "移送", "credit": "信用记录", "assistance": "帮扶",
    "accountability": "追责问责",
}  # fmt: skip
_BULLETINS: Final = {
    "bulletin": "通报", "account": "情况统计", "exposure": "曝光", "ledger": "台账", "scores": "考核得分",
    "problems": "问题清单", "responsibilities": "责任清单", "tasks": "任务清单", "wall-chart": "挂图作战",
    "targets": "目标完成情况",
}  # fmt: skip

#: By the class of the set, the Chinese of each word in it.
_CHINESE: Final[dict[type[StrEnum], dict[str, str]]] = {
    IndicatorKind: _INDICATORS,
    Column: _COLUMNS,
    MeasureKind: _MEASURES,
    BulletinKind: _BULLETINS,
    Period: {"daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季度", "yearly": "每年"},
    Stage: {"discovery": "发现", "transfer": "交办", "disposal": "办理", "closed": "已结案", "rejected": "不予受理"},
    ValueKind: {
        "text": "文字",
        "number": "数字",
        "yes_or_no": "是或否",
        "day": "日期",
        "instant": "时刻",
        "choice": "选项",
        "unit": "单位",
    },
    SignKind: {"last_moment": "临期办结", "copied_note": "雷同记录", "taken_up_again": "结案后又重新立案"},
    SealedField: {
        "title": "标题",
        "text": "正文",
        "attributes": "附加内容",
        "location": "位置",
        "evidence": "附件",
    },
    Rectification: {"immediate": "立行立改", "phased": "阶段整改", "longterm": "长期坚持"},
}


def chinese(value: object) -> str | None:
    """The Chinese of a word of a closed set; None where it is of no set that is known here."""
    words = _CHINESE.get(type(value), {})  # type: ignore[arg-type]
    return words.get(str(value))
