"""What a run costs: CPU time, peak memory, and bytes, read from the kernel and the servers themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far and peak resident megabytes, by part; children count with their parent."""

    cpu: dict[str, float]
    peak_mb: dict[str, float]

    def since(self, earlier: Cost) -> Cost:
        """The CPU time used after ``earlier``."""
        return Cost(
            {name: round(used - earlier.cpu.get(name, 0.0), 3) for name, used in self.cpu.items()}, self.peak_mb
        )


def costs(pids: Mapping[str, int]) -> Cost:
    """The cost of the processes ``pids``, and of this one as ``player``."""
    children = _children()
    cpu, peak = {}, {}
    for name, pid in {**pids, "player": os.getpid()}.items():
        family = [pid] if name == "player" else _family(pid, children)
        cpu[name] = round(sum(map(_cpu, family)), 3)
        peak[name] = round(sum(_memory(each, "VmHWM") for each in family), 1)
    return Cost(cpu, peak)


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            stat = _stat(int(folder.name))
            if stat:
                children.setdefault(int(stat[1]), []).append(int(folder.name))
    return children


def _family(pid: int, children: dict[int, list[int]]) -> list[int]:
    return [pid, *(descendant for child in children.get(pid, []) for descendant in _family(child, children))]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command, which may hold blanks; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    stat = _stat(pid)
    return sum(map(int, stat[11:15])) / _TICKS if stat else 0.0


def resident(pids: Mapping[str, int]) -> dict[str, float]:
    """The resident megabytes of the processes ``pids`` now; memory that a family shares on purpose counts once."""
    children = _children()
    return {name: round(_held(_family(pid, children)), 1) for name, pid in pids.items()}


def _held(family: Sequence[int]) -> float:
    shared = [_memory(pid, "RssShmem") for pid in family]
    return sum(_memory(pid, "VmRSS") for pid in family) - sum(shared) + max(shared)


def _memory(pid: int, entry: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(entry)), 0.0)


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
