"""Every fault by its name. F7, F9, F15 and F16 need more than processes of this user: they are scripts of their own.

fault      what a fault is, and the engine that it strikes
processes  F1, F4, F5, F8, F11: the services' own processes
servers    F2, F3, F6: broker, database, and the network before them
messages   F10, F12, F14: what comes on the topics
receiver   F13: the receiver of notices
"""

from __future__ import annotations

from typing import Final

from duban_cli.chaos.faults.fault import ChaosFault
from duban_cli.chaos.faults.messages import Herd, Poison, Repetition, Replay
from duban_cli.chaos.faults.processes import ClockOff, CrashPoint, Freeze, Kill, Membership, Misreport, Terminate
from duban_cli.chaos.faults.receiver import BadReceiver
from duban_cli.chaos.faults.servers import BrokerRestart, DatabaseStop, Network

FAULTS: Final[dict[str, type[ChaosFault]]] = {
    fault.NAME: fault
    for fault in (
        Kill, Terminate, Freeze, BrokerRestart, DatabaseStop, CrashPoint, Misreport, Network, ClockOff, Poison,
        Membership, Repetition, Replay, BadReceiver, Herd,
    )
}  # fmt: skip
