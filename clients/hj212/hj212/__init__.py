"""HJ 212: how Chinese pollution-source monitors speak to a platform, as frames, readings and answers. No I/O, no clock.

stream       bytes as they arrive → frames, and the garbage between them
frame        one frame: its fields, read and written
measurement  what a frame measured: factors, values, data flags, the moment or the span
answer       what a platform answers: 9014, 9013, 9011, 9012
assembly     parts of one report → the whole
codes        commands, systems, data flags, factors
checksum, cipher   the CRC of the standard, which is not that of Modbus; SM4
"""

from hj212.answer import answer, data_answer, notice_answer, request_answer, result_answer
from hj212.assembly import Assembly
from hj212.checksum import checksum
from hj212.cipher import key_from
from hj212.codes import FACTORS, SYSTEMS, CommandCode, DataFlag, Factor, TimeSpan, Version
from hj212.errors import Hj212Error
from hj212.frame import Frame, decode, encode
from hj212.measurement import ZONE, Measurement, Measurements, measured, written
from hj212.stream import Garbage, Stream

__all__ = [
    "FACTORS",
    "SYSTEMS",
    "ZONE",
    "Assembly",
    "CommandCode",
    "DataFlag",
    "Factor",
    "Frame",
    "Garbage",
    "Hj212Error",
    "Measurement",
    "Measurements",
    "Stream",
    "TimeSpan",
    "Version",
    "answer",
    "checksum",
    "data_answer",
    "decode",
    "encode",
    "key_from",
    "measured",
    "notice_answer",
    "request_answer",
    "result_answer",
    "written",
]
