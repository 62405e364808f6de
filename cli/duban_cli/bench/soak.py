"""W6: whole lives at a steady rate for as long as is wanted, and what the processes hold meanwhile."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final

import httpx2

from duban_cli.bench.costs import folder_bytes, resident
from duban_cli.bench.drive import Course, drive, percentiles
from duban_cli.bench.workloads import Figures, Say, check_lives, system_in_time
from duban_cli.system import System

#: So little that the router's memory is full within minutes: 8,000 problems or so.
_REMEMBERED_MB: Final = 32
_RECALLED: Final = re.compile(r'duban_recalled_states_total\{at="(\w+)"\} (\S+)')


async def soak(minutes: int, per_second: float, say: Say) -> Figures:
    """A line a minute: megabytes by process, how late lapses came, what the router remembered, growth on disk."""
    problems = int(minutes * 60 * per_second)
    env = {"router": {"DUBAN_REMEMBERED_MB": str(_REMEMBERED_MB)}}
    lines: list[Figures] = []
    async with system_in_time(say, env=env) as system:
        course = Course()
        watching = asyncio.create_task(_watch(system, course, lines, say))
        try:
            await drive(system.settings, problems, per_second, course)
        finally:
            watching.cancel()
        await check_lives(system.database, problems)
    return {
        "problems": problems, "per_s": per_second, "remembered_mb": _REMEMBERED_MB, **course.figures(), "minutes": lines
    }  # fmt: skip


async def _watch(system: System, course: Course, lines: list[Figures], say: Say) -> None:
    begun, lapses, grown, before = time.monotonic(), 0, folder_bytes(system.folder), await _recalled(system)
    while True:
        await asyncio.sleep(begun + 60 * (len(lines) + 1) - time.monotonic())
        recalled, size = await _recalled(system), folder_bytes(system.folder)
        new = {place: recalled[place] - before[place] for place in recalled}
        line: Figures = {
            "struck_off": course.struck_off,
            "resident_mb": resident(system.pids),
            "hit_rate": round(new["memory"] / max(1.0, sum(new.values())), 4),
            "grown_mb": round((size - grown) / 1e6, 1),
            **percentiles("lateness", course.lapses[lapses:]),
        }
        lines.append(line)
        say(f"minute {len(lines)}", ", ".join(f"{name} {value}" for name, value in line.items()))
        lapses, grown, before = len(course.lapses), size, recalled


async def _recalled(system: System) -> dict[str, float]:
    """How many states the router has found in its memory, and how many in its ledger."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{system.health['router']}/metrics")
    return {"memory": 0.0, "ledger": 0.0} | {place: float(count) for place, count in _RECALLED.findall(answer.text)}
