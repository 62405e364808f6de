"""A city with something of everything, under Mianyang's pack: what pages are looked at with, and pictured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from duban.messages import commands as do
from duban.messages.contacts import ChannelKind, ContactWay, RegisteredContact, RegisteredRota
from duban.messages.report import Evidence, Location, Report
from duban.policy import Rules, load_calendar, load_pack
from duban_console.accounts.account import OF_INSTALLATION, WITHOUT_UNIT, Appointment, Role
from duban_local import ROOT
from tests.page_town import Town

CITY: Final = "mianyang"
#: Monday, ten o'clock in the morning in China.
BEGINS: Final = datetime(2026, 10, 12, 2, tzinfo=UTC)
#: The unit of who handles and who heads one here; all others are for the office.
UNIT, OFFICE = "ecology", "pollution-office"
#: What is reported: title, category, area, channel.
_REPORTS: Final = (
    ("施工工地未落实扬尘防治措施，裸土未覆盖", "construction-dust", "fucheng", "mayor-hotline"),
    ("涪江支流沿岸倾倒建筑垃圾", "river-occupation", "youxian", "river-patrol"),
    ("化工企业夜间排放刺激性气体", "industrial-air", "jingkai", "report-platform"),
    ("餐馆油烟直排扰民", "catering-fumes", "fucheng", "mayor-hotline"),
    ("养殖场污水流入农田", "livestock", "anzhou", "grid-patrol"),
    ("秸秆露天焚烧", "straw-burning", "santai", "grid-patrol"),
    ("企业雨水排口排放有色废水", "industrial-wastewater", "jiangyou", "auto-monitoring"),
    ("不明气味，来源待查", "other", "gaoxin", "duty-line"),
    ("夜间施工噪声扰民", "construction-noise", "fucheng", "mayor-hotline"),
    ("生活垃圾露天堆放", "household-waste", "youxian", "visit"),
    ("城镇污水管网溢流", "urban-sewage", "anzhou", "mayor-hotline"),
    ("固废堆场无防渗措施", "solid-waste", "santai", "cross-enforcement"),
)
_HOUR: Final = timedelta(hours=1)
_PHOTO: Final = (Evidence(uri="file:///photo.jpg", sha256="0" * 64, title="现场照片.jpg"),)


class SampleCity(Town):
    """The city, six weeks in; ``ids`` are its problems, the first first, ``names`` an account of each role."""

    def __init__(self) -> None:
        pack = load_pack((ROOT / "deploy/packs/mianyang-2022.yaml").read_text("utf-8"), "mianyang-2022.yaml")
        calendar = load_calendar((ROOT / "deploy/calendars/cn.yaml").read_text("utf-8"), "cn.yaml")
        super().__init__(Rules.compile(pack, calendar), BEGINS)
        self.names: dict[Role, str] = {}
        self.ids = [
            self._problem(at, part, *reported)
            for part in range(2)
            for at, reported in enumerate(_REPORTS)
        ]  # fmt: skip
        self.run(BEGINS + timedelta(days=42))
        self.follow()

    def _problem(self, number: int, part: int, title: str, category: str, area: str, channel: str) -> UUID:
        at = BEGINS + timedelta(hours=19 * number, days=28 * part)
        report = Report(
            jurisdiction=CITY, channel=channel, title=title, text=f"群众反映：{title}，请尽快处理。", category=category,
            area=area, location=Location(latitude=31.46 + number / 50, longitude=104.74),
        )  # fmt: skip
        id_ = self.register(report, at)
        lead = self.records[id_].holder
        if lead is not None:
            self._led(id_, do.Actor(unit=lead, person="wang"), at, (number + part) % 6)
        return id_

    def _led(self, id_: UUID, unit: do.Actor, at: datetime, step: int) -> None:
        """Lead the problem so far: received, handed back, planned with a leader, a milestone reached, completed."""
        if step == 0:
            return
        self.act(id_, do.Acknowledge(actor=unit), at + 3 * _HOUR)
        if step == 2:
            back = do.HandBack(actor=unit, reason="不属于本单位职责范围", clause="二(二)9", evidence=_PHOTO)
            self.act(id_, back, at + 5 * _HOUR)
        if step >= 3:
            self.act(id_, do.Plan(actor=unit, plan=_plan(at)), at + 6 * _HOUR)
            self.act(id_, do.Sponsor(actor=do.Actor(unit=OFFICE), sponsor=OFFICE), at + 7 * _HOUR)
        if step == 4:
            self.act(id_, do.ReachMilestone(actor=unit, evidence=_PHOTO), at + 8 * _HOUR)
        if step == 5:
            self.act(id_, do.Complete(actor=unit, outcome="rectified", evidence=_PHOTO), at + 10 * _HOUR)

    async def settle(self) -> None:
        """Have an account of each role."""
        for role in Role:
            unit = UNIT if role in (Role.CLERK, Role.HEAD) else None if role in WITHOUT_UNIT else OFFICE
            where = {} if role in OF_INSTALLATION else {"jurisdiction": CITY, "unit": unit}
            self.names[role] = f"demo-{role.value.replace('_', '-')}"
            await self.room.person(self.names[role], Appointment(role=role, **where))
        for each in _contacts():
            await self.contact_desk.put(each)


def _contacts() -> list[RegisteredContact | RegisteredRota]:
    """How the unit is told, and who is on call there."""
    mail, sms = ContactWay(by=ChannelKind.MAIL, to="desk@ecology.example"), ContactWay(by=ChannelKind.SMS, to="12345")
    robot = ContactWay(by=ChannelKind.DINGTALK, to="ecology")
    persons = ("demo-unit-clerk", "wang")
    return [
        RegisteredContact(jurisdiction=CITY, unit=UNIT, ways=(mail, robot), tested_at=BEGINS + timedelta(days=42)),
        *(RegisteredContact(jurisdiction=CITY, unit=UNIT, person=person, ways=(sms,)) for person in persons),
        RegisteredRota(jurisdiction=CITY, unit=UNIT, persons=persons, since=BEGINS, zone="Asia/Shanghai"),
    ]


def _plan(at: datetime) -> do.RectificationPlan:
    return do.RectificationPlan(
        person="王建国", target="整改到位，监测达标", measures=("裸土覆盖防尘网", "出入口设置冲洗设施"),
        due_at=at + timedelta(days=40), rectification=do.Rectification.PHASED,
        milestones=(
            do.Milestone(title="覆盖完成", due_at=at + timedelta(days=20)),
            do.Milestone(title="设备安装", due_at=at + timedelta(days=30)),
        ),
    )  # fmt: skip
