"""What a platform answers: under the QN, the password and the MN of what it answers, as system 91."""

from __future__ import annotations

from hj212.codes import CommandCode
from hj212.frame import Frame

_INTERACTION = "91"


def answer(frame: Frame, cn: str, cp: str = "") -> Frame:
    """The answer ``cn`` to ``frame``; its Flag says the same version, and asks for nothing."""
    flag = None if frame.flag is None else frame.flag & ~0b11
    return Frame(qn=frame.qn, st=_INTERACTION, cn=cn, pw=frame.pw, mn=frame.mn, flag=flag, cp=cp)


def data_answer(frame: Frame) -> Frame:
    """9014: what ``frame`` uploaded has arrived for good. The sender forgets it then, so nothing sooner."""
    return answer(frame, CommandCode.DATA_ANSWER)


def notice_answer(frame: Frame) -> Frame:
    """9013: the notice of ``frame`` has arrived, such as a heartbeat or a wish for the time."""
    return answer(frame, CommandCode.NOTICE_ANSWER)


def request_answer(frame: Frame, result: int = 1) -> Frame:
    """9011: whether the request of ``frame`` will be carried out.

    ``result``: 1 yes, 2 no, and why not: 3 PW, 4 MN, 5 ST, 6 Flag, 7 QN, 8 CN, 9 checksum, 100 another reason.
    """
    return answer(frame, CommandCode.REQUEST_ANSWER, f"QnRtn={result}")


def result_answer(frame: Frame, result: int = 1) -> Frame:
    """9012: what came of the request of ``frame``: 1 done, 2 failed for a reason unknown, 100 there are no data."""
    return answer(frame, CommandCode.RESULT_ANSWER, f"ExeRtn={result}")
