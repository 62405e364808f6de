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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.by_hand.scene import Load, account, all_lapsed, engine, reached, say, verdict

_PARTS = ("kafka", "postgres")
_SIZE = "500m"
_CAUGHT_UP = "select count(*) >= {} from router.published_problems"


def _fill(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65_536))
        except OSError:
            pass
    free = os.statvfs(place)
    say(f"full: {free.f_bavail * free.f_frsize} bytes are left")


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
        recovered = await reached(system, _CAUGHT_UP.format(len(load.sent)), 1, within=120.0)
        say(f"what was acknowledged until then stands in the ledger after {recovered and round(recovered, 1)} s")
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
