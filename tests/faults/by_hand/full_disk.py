"""F9: the disk of the broker or of the database fills under load, and is freed again. Needs root (a small tmpfs).

    unshare -mn sh -c 'ip link set lo up; exec python -m tests.faults.by_hand.full_disk kafka'       # or postgres

Right: nothing that was acknowledged is lost, and the engine recovers by itself once there is room.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from duban_cli.system import System
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine, rows, say, verdict

_PARTS = ("kafka", "postgres")
_SIZE = "500m"
_RECENT = "select count(*) from router.published_problems where registered_at > now() - interval '2 s'"


def _fill(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65_536))
        except OSError:
            pass
    free = os.statvfs(place)
    say(f"full: {free.f_bavail * free.f_frsize} bytes are left")


async def _recovery(system: System, within: float = 120.0) -> float | None:
    """Seconds until a report that was sent after the disk was freed stands in the ledger."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        try:
            if (await rows(system.database, _RECENT, tries=1))[0][0]:
                return time.monotonic() - began
        except Exception as error:  # whatever is away, it is asked again
            say(f"not yet: {type(error).__name__}") if int(time.monotonic() - began) % 10 == 9 else None
        await asyncio.sleep(0.5)
    return None


@contextmanager
def _small_disk(part: str) -> Iterator[tuple[Path, Path]]:
    """A folder for the engine whose ``part`` lies on a disk of its own, and that disk."""
    with TemporaryDirectory(prefix="duban-disk-") as folder:
        data, disk = Path(folder) / "data", Path(folder) / "disk"
        for place in (data, disk):
            place.mkdir()
        Path(folder).chmod(0o755)  # the database runs as an account of its own
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0755", "tmpfs", disk], check=True)
        try:
            (disk / part).mkdir()
            (data / part).symlink_to(disk / part)
            yield data, disk
        finally:
            subprocess.run(["umount", "-l", disk], check=False)


async def main(data: Path, disk: Path, reports: int) -> int:
    async with engine(folder=data) as system:
        load = Load(system)
        sending = asyncio.create_task(load.send(range(reports), 20))
        await asyncio.sleep(12)
        await asyncio.to_thread(_fill, disk)
        await asyncio.sleep(20)
        say(f"while full: {len(load.sent)} acknowledged; running: {', '.join(sorted(system.pids))}")
        (disk / "ballast").unlink()
        say("freed")
        recovered = await _recovery(system)
        say(f"the first report in the ledger after {recovered and round(recovered, 1)} s")
        await sending
        lapsed = await all_lapsed(system, reports)
        right = await account(system, load.sent)
        say(f"restarts of services: {system.supervisor.restarts}")
    return verdict(recovered is not None, lapsed, right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=_PARTS)
    parser.add_argument("--reports", type=int, default=1000)
    args = parser.parse_args()
    os.environ |= {"DUBAN_KAFKA_PORT": "0", "DUBAN_DATABASE_PORT": "0"}
    with _small_disk(args.part) as (data, disk):
        sys.exit(asyncio.run(main(data, disk, args.reports)))
