"""A sampling profile of each service while a workload runs, summed by the kind of work; py-spy takes it."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from duban.errors import DubanError

_A_SECOND: Final = 250
_FRAME: Final = re.compile(r"(?P<name>\S+) \((?P<file>[^:()]+)")
#: Within the loop itself py-spy counts much of the sleep as work: with it, a process had a quarter more than it used.
_WAITING: Final = re.compile(r"\((uvloop/__init__|asyncio/runners)\.py")
#: Seen from the innermost frame outwards, the first file or function that is named here says what kind of work it is.
_KINDS: Final = (
    ("PostgreSQL client", re.compile(r"asyncpg/|/store\.py|io/postgres\.py")),
    ("Kafka client", re.compile(r"aiokafka/|io/publisher\.py|io/consumer\.py|io/lenient_records\.py|kafka")),
    (
        "decoding",
        re.compile(
            r"^(decode|delivery|from_json|from_data|record_from_json|_message|_instant) |io/decode\.py|/heard\.py"
        ),
    ),
    ("encoding", re.compile(r"^(encode|record|to_json|canonical|canonical_json|event_json|derived_text|derived_id) ")),
    ("deciding", re.compile(r"duban_(router|escalation|intake)/|duban/(policy|calendar|messages)/|duban/\w+\.py")),
    ("loop", re.compile(r"uvloop/|asyncio/|duban/io/|prometheus_client/")),
)


def spy() -> str:
    """The path of py-spy.

    Raises:
        DubanError: it is not installed; says how that is done.
    """
    beside = Path(sys.executable).with_name("py-spy")
    path = str(beside) if beside.exists() else shutil.which("py-spy")
    if path is None:
        raise DubanError("a profile needs py-spy, which is not here: pip install py-spy, or run ./duban check once")
    return path


@asynccontextmanager
async def profiled(pids: Mapping[str, int], folder: Path) -> AsyncIterator[None]:
    """Write what the processes are at, meanwhile, to ``folder / "<name>.raw"``: a stack and its samples a line."""
    spies = [
        await asyncio.create_subprocess_exec(
            spy(), "record", "--rate", str(_A_SECOND), "--format", "raw", "--output", str(folder / f"{name}.raw"),
            "--pid", str(pid), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )
        for name, pid in pids.items()
    ]  # fmt: skip
    try:
        yield
    finally:
        for process in spies:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
        await asyncio.gather(*(process.wait() for process in spies))


def summed(file: Path) -> dict[str, float]:
    """:func:`by_kind` of what py-spy wrote to ``file``."""
    with file.open(encoding="utf-8") as stacks:
        return by_kind(stacks)


def by_kind(stacks: Iterable[str]) -> dict[str, float]:
    """The share of each kind of work in the lines that py-spy wrote, in per cent, largest first, without waiting."""
    samples = Counter[str]()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not _WAITING.search(frames[-1]):
            samples[kind_of(frames)] += int(count)
    return {kind: round(100 * count / samples.total(), 1) for kind, count in samples.most_common()}


def kind_of(stack: list[str]) -> str:
    """What kind of work ``stack`` is at, outermost frame first."""
    for frame in reversed(stack):
        if (parts := _FRAME.match(frame)) is None:
            continue
        where = f"{parts['name'].rpartition('.')[2]} {parts['file']}"
        for kind, pattern in _KINDS:
            if pattern.search(where):
                return kind
    return "other"
