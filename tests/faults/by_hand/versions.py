"""F16: an older release beside this one while messages run; a backup that is restored, and replay from the topics.

    python -m tests.faults.by_hand.versions upgrade --commit HEAD~20
    python -m tests.faults.by_hand.versions upgrade --commit HEAD~200 --order router,intake,escalation
    python -m tests.faults.by_hand.versions rollback --commit HEAD~200 --orders all
    python -m tests.faults.by_hand.versions restore

Right: nothing is lost, twice or early while both releases share groups and schemas, which move under load. With
``--order`` one service after the other is replaced: its new process is ready before the old one ends. A rollback goes
from this release back to the older one, on the schemas of this one. A ledger
that is restored and reads its topics from the beginning is, event by event, the one that was. With ``--gap`` the backup
is older than the topics: what was decided since is decided again, and comes out as it was but for the numbers of the
registers, which are given in the order in which the partitions are read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

import orjson

from duban_cli.schemas import SCHEMAS, migrate_all
from duban_cli.system import SERVICES as PROCESSES
from duban_cli.system import System
from duban_local import ROOT
from duban_local.children import Child, StackError, free_port, spawn, until
from duban_local.supervisor import answers
from tests.faults.by_hand.scene import SERVICES, Load, account, all_lapsed, engine, rows, say, verdict

_EVENTS = "select problem_id, version, body from router.published_events"


@contextmanager
def _release(commit: str) -> Iterator[Path]:
    """The tree of ``commit``."""
    with TemporaryDirectory(prefix="duban-release-") as folder:
        place = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT)]
        subprocess.run([*git, "worktree", "add", "--detach", str(place), commit], check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(place)], check=True, capture_output=True)


def members(system: System, tree: Path, folder: Path, url_of: Callable[[str], str], **more: str) -> list[Child]:
    """A member of each service, with the code of ``tree``, and the database that ``url_of`` names."""
    return [_member(name, system, tree, folder, url_of(name), **more) for name in SERVICES]


def _member(name: str, system: System, tree: Path, folder: Path, url: str, **more: str) -> Child:
    """A member of the service ``name``."""
    rooms = [tree / "shared", *sorted(place for place in (tree / "services").iterdir() if place.is_dir())]
    env = {"PYTHONPATH": ":".join(map(str, rooms)), "DUBAN_KAFKA": system.kafka, "DUBAN_HEALTH_PORT": "0", **more}
    argv = [sys.executable, "-m", PROCESSES[name].module]
    return spawn(name, argv, folder / f"{name}-{tree.name}.log", env={**env, "DUBAN_DATABASE": url})


async def _ready_member(name: str, system: System, tree: Path, folder: Path) -> Child:
    """A member of the service ``name`` under its own role, once it says that it is ready.

    Raises:
        StackError: it does not come to be.
    """
    port = free_port()
    child = _member(name, system, tree, folder, system.stack.database_of(name), DUBAN_HEALTH_PORT=str(port))

    async def ready() -> bool:
        if child.exit_code is not None:
            raise StackError(f"{name} of {tree.name} ended with {child.exit_code}: {child.last_line()}")
        return await answers(f"http://127.0.0.1:{port}/readyz")

    try:
        await until(ready, f"{name} of {tree.name} was not ready")
    except StackError as error:
        raise StackError(f"{error}: {await asyncio.to_thread(_readiness, port)}; {child.last_line()}") from None
    return child


def _readiness(port: int) -> str:
    """What ``/readyz`` says at ``port``."""
    try:
        return str(urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read().decode())
    except HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)


async def _migrated(tree: Path, system: System) -> None:
    """Bring the schemas to what the code of ``tree`` needs, by its `duban migrate`; without one its services do it."""
    if (tree / "cli/duban_cli/commands/migrate.py").exists():
        members = (tree / folder for folder in ("shared", "simulation", "cli", "deploy/local"))
        paths = [*members, *sorted((tree / "services").iterdir())]
        env = {**os.environ, "PYTHONPATH": ":".join(map(str, paths)), "DUBAN_DATABASE": system.stack.owner}
        await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "duban_cli", "migrate"], check=True, env=env, cwd=tree
        )


async def ended(children: list[Child]) -> list[int | None]:
    for child in children:
        if child.exit_code is None:
            os.kill(child.pid, signal.SIGTERM)
    return [await child.ended(40) for child in children]


async def upgrade(commit: str, reports: int) -> int:
    with _release(commit) as tree, TemporaryDirectory(prefix="duban-logs-") as folder:
        async with engine(services=()) as system:
            load = Load(system)
            # In schemas of its own making, as their owner: its services may migrate by themselves.
            await rows(system.superuser, f"drop schema {', '.join(SCHEMAS)} cascade", tries=1)
            await _migrated(tree, system)
            older = members(system, tree, Path(folder), lambda _: system.stack.owner)
            say(f"the release of {commit} runs alone")
            sending = asyncio.create_task(load.send(range(reports), 25))
            await asyncio.sleep(20)
            await migrate_all(system.stack.owner)
            newer = members(system, ROOT, Path(folder), system.stack.database_of)
            say("this release runs beside it; its migrations were applied under load")
            await asyncio.sleep(25)
            alive = [child.exit_code is None for child in (*older, *newer)]
            say(f"all {len(alive)} are alive: {all(alive)}; the older end with {await ended(older)}")
            await sending
            lapsed = await all_lapsed(system, reports)
            right = await account(system, load.sent)
            await ended(newer)
    return verdict(all(alive), lapsed, right)


async def replaced(commit: str, order: Sequence[str], reports: int, *, back: bool) -> int:
    """One service after the other goes from ``commit`` to this release, or ``back``, under load, in ``order``."""
    with _release(commit) as older, TemporaryDirectory(prefix="duban-logs-") as folder:
        async with engine(services=()) as system:
            load, place = Load(system), Path(folder)
            before, after = (ROOT, older) if back else (older, ROOT)
            if not back:
                await rows(system.superuser, f"drop schema {', '.join(SCHEMAS)} cascade", tries=1)
                await _migrated(older, system)
            running = {name: await _ready_member(name, system, before, place) for name in SERVICES}
            say(f"{'this release' if back else commit} runs alone; then {', '.join(order)}")
            sending = asyncio.create_task(load.send(range(reports), 20))
            await asyncio.sleep(5)
            if not back:
                await migrate_all(system.stack.owner)
            codes: list[int | None] = []
            for name in order:
                newer = await _ready_member(name, system, after, place)
                await asyncio.sleep(3)  # both work in one group
                codes += await ended([running[name]])
                running[name] = newer
                await asyncio.sleep(3)
            say(f"those before ended with {codes}")
            await sending
            lapsed = await all_lapsed(system, reports)
            right = await account(system, load.sent)
            alive = all(child.exit_code is None for child in running.values())
            await ended(list(running.values()))
    return verdict(alive, codes == [0] * len(order), lapsed, right)


async def every_order(commit: str, orders: Sequence[Sequence[str]], reports: int, *, back: bool) -> int:
    """How many of ``orders`` did not go right."""
    return sum([await replaced(commit, order, reports, back=back) for order in orders])


async def events(database: str) -> dict[tuple[object, int], str]:
    return {(row["problem_id"], row["version"]): row["body"] for row in await rows(database, _EVENTS)}


def _tool(system: System, name: str, *words: str, database: str) -> None:
    """Run a program of PostgreSQL's own on ``database``."""
    server = system.stack.server
    assert server is not None
    subprocess.run([server._bin / name, "-d", database, *words], check=True)


async def restore(reports: int, *, gap: bool) -> int:
    with TemporaryDirectory(prefix="duban-backup-") as folder:
        backup, told = Path(folder) / "backup", Path(folder) / "notices.jsonl"
        dump = ("pg_dump", "-Fc", "-f", str(backup))
        async with engine(env={"escalation": {"DUBAN_NOTICES_FILE": str(told)}}) as system:
            server = system.stack.server
            assert server is not None
            load = Load(system)
            sending = asyncio.create_task(load.send(range(reports), 40))
            if gap:
                await asyncio.sleep(reports / 40 / 2)
                await asyncio.to_thread(_tool, system, *dump, database=system.superuser)
                say(f"a backup was taken under load, after {len(load.sent)} reports")
            await sending
            lapsed = await all_lapsed(system, reports)
            right = await account(system, load.sent)
            before = await events(system.superuser)
            await system.supervisor.stop()
            if not gap:
                await asyncio.to_thread(_tool, system, *dump, database=system.superuser)
                say("a backup was taken with the services stopped")
            database = await server.create_database("restored")
            await asyncio.to_thread(_tool, system, "pg_restore", str(backup), database=database)
            say(f"restored: {backup.stat().st_size} bytes, {len(await events(database))} of {len(before)} events")
            again = {"DUBAN_GROUP_SUFFIX": "-restored", "DUBAN_NOTICES_FILE": str(told)}
            running = members(system, ROOT, Path(folder), lambda name: server.url_of(name, "restored"), **again)
            same = await replayed(database, before, otherwise={"change.number"} if gap else set())
            await ended(running)
        notices = Counter(orjson.loads(line)["id"] for line in told.read_bytes().splitlines())
        twice = notices.total() - len(notices)
        say(f"{len(notices)} notices were told, {twice} of them a second time")
    return verdict(lapsed, right, same, gap or not twice)


async def replayed(
    database: str, before: Mapping[tuple[object, int], str], *, otherwise: Set[str], within: int = 60
) -> bool:
    """Whether the ledger in ``database`` comes to be the one that was, and no more, but for fields ``otherwise``."""
    for _ in range(within):
        if len(await events(database)) >= len(before):
            break
        await asyncio.sleep(1)
    await asyncio.sleep(10)  # nothing more may come of what was read again
    after = await events(database)
    missing, beyond = len(before.keys() - after.keys()), len(after.keys() - before.keys())
    differ = Counter(
        field
        for place in before.keys() & after.keys()
        for field in _differing(orjson.loads(before[place]), orjson.loads(after[place]))
    )
    say(
        f"after the replay: {len(after)} events; {missing} missing, {beyond} beyond; fields that differ: {dict(differ)}"
    )
    return not missing and not beyond and differ.keys() <= otherwise


def _differing(before: object, after: object, at: str = "") -> Iterator[str]:
    """The fields in which two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            yield from _differing(before.get(name), after.get(name), f"{at}.{name}" if at else name)
    elif before != after:
        yield at


def _order(text: str) -> tuple[str, ...]:
    order = tuple(text.split(","))
    if sorted(order) != sorted(SERVICES):
        raise argparse.ArgumentTypeError(f"should name each of {', '.join(SERVICES)} once")
    return order


def _run(args: argparse.Namespace) -> int:
    if args.what == "restore":
        return asyncio.run(restore(args.reports, gap=args.gap))
    orders = list(permutations(SERVICES)) if args.orders else [args.order or SERVICES]
    if args.what == "rollback" or args.order or args.orders:
        return asyncio.run(every_order(args.commit, orders, args.reports, back=args.what == "rollback"))
    return asyncio.run(upgrade(args.commit, args.reports))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("upgrade", "rollback", "restore"))
    parser.add_argument("--commit", default="HEAD~20", help="the older release")
    parser.add_argument("--order", type=_order, help="replace one service after the other, as router,intake,escalation")
    parser.add_argument("--orders", choices=("all",), help="the same in every order, an engine each")
    parser.add_argument("--gap", action="store_true", help="take the backup under load, halfway")
    parser.add_argument("--reports", type=int, default=1200)
    sys.exit(_run(parser.parse_args()))
