"""The database comes back from a base backup and its archived WAL, as it was at an instant under load.

    python -m tests.faults.by_hand.point_in_time
    python -m tests.faults.by_hand.point_in_time --plain

What was decided since that instant is decided again from the topics: by `duban_router.recovery` with the numbers that
were told, while `duban_escalation.recovery` takes for told what has been. Right: the ledger is, event by event, the one
that was, no notice goes out a second time, `duban ledger verify` and the checker have nothing to say, and what comes
after is numbered on. With ``--plain`` the services alone read the topics again, to show what is otherwise then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from duban_cli.bench.limits import loop_ms
from duban_cli.connection import ANCHOR_KEY
from duban_cli.system import System
from duban_local import ROOT
from duban_local.children import until
from duban_local.postgres import Database
from tests.base_backup import asked, copied, set_to, takes_writes
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine, rows, say, verdict
from tests.faults.by_hand.versions import ended, events, members, replayed

#: Before the instant, so that nothing is missed of what was in hand then.
_MARGIN = timedelta(seconds=30)
_NUMBERS = "select number from router.published_problems order by number"


async def _archiving(system: System, archive: Path) -> Database:
    """Have the database archive its WAL into ``archive``; it is started again for that."""
    server = system.stack.server
    assert server is not None
    assert server.child is not None
    if server._account is not None:
        os.chown(archive, server._account.pw_uid, server._account.pw_gid)
    await set_to(server, archive_mode="on", archive_command=f"cp %p {archive}/%f", archive_timeout="5s")
    os.kill(server.child.pid, signal.SIGINT)
    await server.child.ended()

    async def archives() -> bool:
        return bool((await rows(system.superuser, "show archive_mode"))[0][0] == "on")

    await until(archives, "the database did not start again")
    return server


async def _archived(server: Database, archive: Path) -> None:
    """Return when everything written until now lies in ``archive``."""
    last = await asked(server, "select pg_walfile_name(pg_switch_wal())")

    async def there() -> bool:
        return (archive / str(last)).exists()

    await until(there, f"{last} was not archived")


async def _restore(copy: Database, archive: Path, instant: datetime) -> None:
    """Start ``copy`` as its server was at ``instant``."""
    settings = {
        "restore_command": f"cp {archive}/%f %p", "recovery_target_time": instant.isoformat(),
        "recovery_target_action": "promote", "archive_mode": "off",
    }  # fmt: skip
    with (copy.folder / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
        conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (copy.folder / "recovery.signal").touch()
    await copy.start()
    await until(partial(takes_writes, copy), f"the database did not come to {instant}")


async def _run(*words: str, **env: str) -> bool:
    """Run a Python module as an operator would; whether it ended with 0."""
    argv = [sys.executable, "-m", *words]
    done = await asyncio.to_thread(
        subprocess.run, argv, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    say(f"$ python -m {shlex.join(words)}: {done.returncode}")
    for line in [*lines[:6], *(["…"] if len(lines) > 9 else []), *lines[max(6, len(lines) - 3) :]]:
        say(f"    {line[:190]}")
    return done.returncode == 0


async def recovered(system: System, copy: Database, instant: datetime, ended_at: datetime) -> bool:
    """Have both recoveries run on ``copy``, for what it lacks since ``instant``; whether all stands as it was told."""
    since = (instant - _MARGIN).isoformat()
    router, escalation = (
        {"DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": copy.url_of(name)} for name in ("router", "escalation")
    )
    done = await _run("duban_router.recovery", "--since", since, **router)
    return (
        await _run("duban_escalation.recovery", "--since", since, "--until", ended_at.isoformat(), **escalation)
        and done
    )


async def _judged(system: System, copy: Database, folder: Path) -> bool:
    """Whether `duban ledger verify` and the checker have nothing to say."""
    reader = {"DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": copy.url_of("reader")}
    public = folder / "anchors.pub"
    key = [sys.executable, "-m", "duban_cli", "ledger", "key", "--file", str(system.folder / ANCHOR_KEY)]
    public.write_bytes((await asyncio.to_thread(subprocess.run, key, check=True, capture_output=True)).stdout)
    verified = await _run("duban_cli", "ledger", "verify", "--public-key", str(public), **reader)
    traces = str(folder / "traces")
    place = ("--kafka", system.kafka, "--database", copy.superuser_url())
    collected = await _run("duban_checker", "collect", traces, *place)
    return await _run("duban_checker", "judge", traces) and collected and verified


def _told(file: Path) -> tuple[int, int]:
    """Notices, and how many of them went out a second time."""
    notices = Counter(orjson.loads(line)["id"] for line in file.read_bytes().splitlines())
    return len(notices), notices.total() - len(notices)


async def main(reports: int, *, plain: bool) -> int:
    with TemporaryDirectory(prefix="duban-point-") as place:
        folder, archive, told = Path(place), Path(place) / "archive", Path(place) / "notices.jsonl"
        for made in (archive, folder / "traces"):
            made.mkdir()
        often = {"DUBAN_ANCHOR_INTERVAL": "2"}
        async with engine(env={"escalation": {"DUBAN_NOTICES_FILE": str(told)}, "router": often}) as system:
            server = await _archiving(system, archive)
            load = Load(system)
            sending = asyncio.create_task(load.send(range(reports), 40))
            await asyncio.sleep(3)
            copy = await copied(server, folder / "copy")
            say(f"a base backup was taken under load, after {len(load.sent)} reports")
            await asyncio.sleep(max(0.0, reports / 40 / 2 - 5))
            instant: datetime = (await rows(system.superuser, "select now()"))[0][0]
            say(f"the instant, after {len(load.sent)} reports")
            await sending
            lapsed = await all_lapsed(system, reports)
            right = await account(system, load.sent)
            await asyncio.sleep(3)  # what was told last is anchored
            before = await events(system.superuser)
            ended_at: datetime = (await rows(system.superuser, "select now()"))[0][0]
            await system.supervisor.stop()
            await _archived(server, archive)
            await _restore(copy, archive, instant)
            say(f"restored to the instant: {len(await events(copy.superuser_url()))} of {len(before)} events")
            again_decided = plain or await recovered(system, copy, instant, ended_at)
            again = {
                "DUBAN_GROUP_SUFFIX": "-restored", "DUBAN_NOTICES_FILE": str(told),
                "DUBAN_ANCHOR_KEY": str(system.folder / ANCHOR_KEY), **often,
            }  # fmt: skip
            running = members(system, ROOT, folder, copy.url_of, **again)
            same = await replayed(copy.superuser_url(), before, otherwise={"change.number"} if plain else set())
            system.stack.server = copy
            await load.send(range(reports, reports + 100), 40)
            on = await all_lapsed(system, reports + 100)
            right_after = await account(system, load.sent)
            await asyncio.sleep(5)
            await ended(running)
            numbers = [row["number"] for row in await rows(system.superuser, _NUMBERS)]
            gapless = len(set(numbers)) == reports + 100 == int(numbers[-1].rpartition("-")[2])
            say(f"{len(set(numbers))} numbers, the last {numbers[-1]}: {'without' if gapless else 'WITH'} a gap")
            many, twice = _told(told)
            say(f"{many} notices were told, {twice} of them a second time")
            judged = await _judged(system, copy, folder)
            system.stack.server = server
            await copy.stop()
            say(f"loop {loop_ms():.1f} ms")
    if plain:
        return verdict(lapsed, right, same, on, right_after, gapless)
    return verdict(lapsed, right, again_decided, same, on, right_after, gapless, judged, not twice)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="without the recoveries")
    parser.add_argument("--reports", type=int, default=1200)
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.reports, plain=args.plain)))
