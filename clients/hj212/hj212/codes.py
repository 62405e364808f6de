"""The code words of the standard: versions, commands, systems, data flags, and the factors that are met most."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Version(IntEnum):
    """The rules that a frame follows, as the upper six bits of its Flag say."""

    HJT_212_2005 = 0
    HJ_212_2017 = 1
    HJ_212_2025 = 2


class CommandCode(StrEnum):
    """The CN of frames that a platform meets; the standard has more, and devices have their own."""

    TIME = "1011"
    TIME_REQUEST = "1013"  #: answered with 9013
    REALTIME = "2011"
    DEVICE_STATE = "2021"
    DAY = "2031"
    RUN_TIME = "2041"
    MINUTE = "2051"
    HOUR = "2061"
    BOOT = "2081"
    LOG = "3020"
    REQUEST_ANSWER = "9011"  #: QnRtn: whether a request is carried out
    RESULT_ANSWER = "9012"  #: ExeRtn: what came of it
    NOTICE_ANSWER = "9013"
    DATA_ANSWER = "9014"  #: what was uploaded has arrived
    HEARTBEAT = "9015"  #: since 2025; answered with 9013


class TimeSpan(StrEnum):
    """The time that a value stands for; a moment, or what begins at the DataTime."""

    MOMENT = "moment"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


#: What a frame of these commands measured, and over which span.
SPANS: Final[dict[str, TimeSpan]] = {
    CommandCode.REALTIME: TimeSpan.MOMENT,
    CommandCode.MINUTE: TimeSpan.MINUTE,
    CommandCode.HOUR: TimeSpan.HOUR,
    CommandCode.DAY: TimeSpan.DAY,
}


class DataFlag(StrEnum):
    """Whether a value counts: N alone does; B, D and F come with zeros, which are no clean air."""

    NORMAL = "N"
    STOPPED = "F"  #: the plant stands still
    MAINTENANCE = "M"
    MANUAL = "S"  #: somebody has typed it in
    FAULT = "D"  #: of the instrument
    CALIBRATION = "C"
    OVER_RANGE = "T"  #: beyond what the instrument can measure
    LINK_LOST = "B"  #: between instrument and data logger


#: ST: what kind of system speaks.
SYSTEMS: Final[dict[str, str]] = {
    "21": "surface water",
    "22": "ambient air",
    "23": "ambient noise",
    "27": "volatile organic compounds",
    "31": "air pollution source",
    "32": "water pollution source",
    "36": "noise source",
    "39": "construction dust",
    "44": "power use",
    "45": "key process",
    "51": "process of an air pollution source",
    "52": "process of a water pollution source",
    "91": "interaction",
}


@dataclass(frozen=True, slots=True)
class Factor:
    """What is measured: its name in Chinese and English, and the code that it had in 2005."""

    zh: str
    en: str
    old: str | None = None


#: The factors that are met most, by their codes of 2017. Units are the device's: tables and devices differ in them.
FACTORS: Final[dict[str, Factor]] = {
    "a00000": Factor("废气", "waste gas flow", "B02"),
    "a01001": Factor("温度", "air temperature"),
    "a01002": Factor("湿度", "air humidity"),
    "a01006": Factor("气压", "air pressure"),
    "a01007": Factor("风速", "wind speed"),
    "a01008": Factor("风向", "wind direction"),
    "a01011": Factor("烟气流速", "flue gas velocity", "S02"),
    "a01012": Factor("烟气温度", "flue gas temperature", "S03"),
    "a01013": Factor("烟气压力", "flue gas pressure", "S08"),
    "a01014": Factor("烟气湿度", "flue gas humidity", "S05"),
    "a05024": Factor("臭氧", "ozone"),
    "a19001": Factor("氧气含量", "oxygen", "S01"),
    "a21001": Factor("氨气", "ammonia"),
    "a21002": Factor("氮氧化物", "nitrogen oxides", "03"),
    "a21003": Factor("一氧化氮", "nitric oxide"),
    "a21004": Factor("二氧化氮", "nitrogen dioxide"),
    "a21005": Factor("一氧化碳", "carbon monoxide"),
    "a21024": Factor("氯化氢", "hydrogen chloride"),
    "a21026": Factor("二氧化硫", "sulphur dioxide", "02"),
    "a24087": Factor("碳氢化合物", "hydrocarbons"),
    "a24088": Factor("非甲烷总烃", "non-methane hydrocarbons"),
    "a34001": Factor("总悬浮颗粒物", "total suspended particles"),
    "a34002": Factor("可吸入颗粒物", "PM10"),
    "a34004": Factor("细颗粒物", "PM2.5"),
    "a34013": Factor("烟尘", "smoke dust", "01"),
    "w00000": Factor("污水", "waste water flow", "B01"),
    "w01001": Factor("pH值", "pH", "001"),
    "w01003": Factor("浑浊度", "turbidity"),
    "w01009": Factor("溶解氧", "dissolved oxygen"),
    "w01010": Factor("水温", "water temperature"),
    "w01014": Factor("电导率", "conductivity"),
    "w01018": Factor("化学需氧量", "chemical oxygen demand", "011"),
    "w01019": Factor("高锰酸盐指数", "permanganate index"),
    "w20111": Factor("总汞", "mercury"),
    "w20115": Factor("总镉", "cadmium"),
    "w20116": Factor("总铬", "chromium"),
    "w20117": Factor("六价铬", "hexavalent chromium"),
    "w20119": Factor("总砷", "arsenic"),
    "w20120": Factor("总铅", "lead"),
    "w20121": Factor("总镍", "nickel"),
    "w20122": Factor("总铜", "copper"),
    "w20123": Factor("总锌", "zinc"),
    "w21001": Factor("总氮", "total nitrogen", "065"),
    "w21003": Factor("氨氮", "ammonia nitrogen", "060"),
    "w21011": Factor("总磷", "total phosphorus", "101"),
    "w21016": Factor("氰化物", "cyanide"),
    "w23002": Factor("挥发酚", "volatile phenols"),
    "LA": Factor("A声级", "A-weighted sound level"),
    "Leq": Factor("等效声级", "equivalent sound level"),
    "Ld": Factor("昼间等效声级", "equivalent sound level by day"),
    "Ln": Factor("夜间等效声级", "equivalent sound level by night"),
}
