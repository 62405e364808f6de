"""The whole run: an engine of its own, people at work, faults by plan, then healing, draining, and the judgement."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import asyncpg
import orjson
import yaml

from duban.errors import DubanError
from duban.io.mishaps import FILE_VARIABLE
from duban_cli.bench.limits import loop_ms
from duban_cli.chaos.client import ChaosClient
from duban_cli.chaos.faults.fault import SERVICES, ChaosFault, World
from duban_cli.chaos.load import Load
from duban_cli.chaos.plan import Strike, described, plan
from duban_cli.chaos.policy import UNITS, chaos_pack, ladders_end_s, limits
from duban_cli.chaos.proxy import Proxy
from duban_cli.chaos.receiver import ChaosReceiver
from duban_cli.chaos.watch import Recovery, Watch
from duban_cli.system import engine
from duban_local import ROOT
from duban_local.children import Say, free_port
from duban_local.stack import Stack

_CALENDAR: Final = ROOT / "deploy/calendars/cn.yaml"
#: What recovers is waited for so long before the next fault strikes.
_PATIENCE: Final = 60.0
#: Seconds by which the load may last longer for that; what has not struck by then is left out.
_OVERTIME: Final = 300.0
#: Seconds that draining may take, and as long again as people worked.
_DRAIN: Final = 240.0
_QUIET: Final = 2.0
#: Exit codes of the checker that carry a judgement.
_JUDGED: Final = (0, 1)


class ChaosFailed(DubanError):
    """The run could not be carried through; its folder is kept."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for.

    The length of the load, the seed of plan and load, faults by name, reports a second, levels of each ladder; and the
    seconds after everything is healed in which what is due must have lapsed.
    """

    minutes: float
    seed: int
    faults: Sequence[str]
    rate: float = 40.0
    levels: int = 4
    grace_s: float = 30.0
    without: Sequence[str] = ()


@dataclass(slots=True)
class Struck:
    """A fault that struck, and how it was got over."""

    fault: ChaosFault
    paired: bool
    struck_at: datetime
    healed_at: datetime
    recovery: Recovery

    def as_json(self) -> dict[str, Any]:
        """The fault as the checker reads it."""
        return {
            **described(self.fault),
            "of": "pair" if self.paired else self.fault.OF,
            "struck_at": self.struck_at.isoformat(),
            "healed_at": self.healed_at.isoformat(),
            "first_good_s": self.recovery.first_good_s,
            "caught_up_s": self.recovery.caught_up_s,
        }


async def chaos(options: Options, say: Say) -> dict[str, Any]:
    """Carry the run through; what was found, as plain data. Its folder is removed only when nothing was found.

    Raises:
        ChaosFailed: naming the folder that was kept.
    """
    strikes = plan(options.seed, options.minutes * 60, options.faults)
    folder = Path(mkdtemp(prefix="duban-chaos-"))
    traces = folder / "traces"
    traces.mkdir()
    try:
        report = await _played(options, strikes, folder, say)
        judgement = await _judged(traces, options.without)
    except BaseException as error:
        say("chaos", f"the traces so far are kept in {folder}")
        if isinstance(error, Exception):
            raise ChaosFailed(f"{type(error).__name__}: {error}; traces and logs are in {folder}") from error
        raise
    if judgement["violations"]:
        say("chaos", f"the traces are kept in {folder}")
        report["traces"] = str(folder)
    else:
        shutil.rmtree(folder)
    return {**report, "judgement": judgement}


async def _played(options: Options, strikes: Sequence[Strike], folder: Path, say: Say) -> dict[str, Any]:
    """Everything up to the traces in the folder."""
    traces = folder / "traces"
    begun = time.monotonic()
    async with _world(options, folder, say) as (world, watch):
        say(
            "chaos",
            f"up after {time.monotonic() - begun:.1f} s; {len(strikes)} strikes are planned, seed {options.seed}",
        )
        loading = time.monotonic()
        struck = await _broken(options, strikes, world, watch, say)
        seconds = time.monotonic() - loading
        lapses = watch.lapses
        healed_at = datetime.now(UTC)
        drained_s = await _drained(world, watch, _DRAIN + options.minutes * 60, say)
        run = {
            "limits": limits(chaos_pack(options.levels)),
            "healed_at": healed_at.isoformat(),
            "grace_s": options.grace_s,
        }
        (traces / "run.json").write_bytes(orjson.dumps(run))
        faults = b"".join(orjson.dumps(each.as_json()) + b"\n" for each in struck)
        (traces / "faults.jsonl").write_bytes(faults)
        say("chaos", "reading ledger, receipts and topics")
        system = world.system
        known = ["--kafka", system.kafka, "--database", system.superuser, "--identity", world.load.identity]
        await _checker("collect", str(traces), *known)
    shutil.copytree(folder / "stack" / "logs", traces / "logs")
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "rate": options.rate,
        "levels": options.levels,
        "plan": [strike.as_json() for strike in strikes],
        "struck": [each.as_json() for each in struck],
        "load_s": round(seconds, 1),
        "lapses_per_s": round(lapses / seconds, 1),
        "drained_s": drained_s,
        "loop_ms": loop_ms(),
    }


@asynccontextmanager
async def _world(options: Options, folder: Path, say: Say) -> AsyncIterator[tuple[World, Watch]]:
    """The engine behind its proxies, with its receiver and its client; everything ends with it."""
    traces, mishaps, pack = folder / "traces", folder / "mishaps", folder / "pack.yaml"
    mishaps.mkdir()
    pack.write_text(yaml.safe_dump(chaos_pack(options.levels), sort_keys=False), "utf-8")
    async with AsyncExitStack() as stack:
        receiver, broker, database = ChaosReceiver(traces / "posts.jsonl"), Proxy(), Proxy()
        hook = await receiver.start()
        stack.push_async_callback(receiver.stop)
        for proxy in (broker, database):
            await proxy.start()
            stack.push_async_callback(proxy.stop)
            proxy.upstream = free_port()
        servers = Stack(folder / "stack", kafka_port=broker.upstream, database_port=database.upstream, say=say)
        if servers.broker is None or servers.server is None:
            raise ChaosFailed("a chaos run breaks servers of its own: unset DUBAN_KAFKA and DUBAN_DATABASE")
        servers.broker.advertised = broker.port
        ports = {f":{proxy.upstream}": f":{proxy.port}" for proxy in (broker, database)}

        def reached(address: str) -> str:
            for own, other in ports.items():
                address = address.replace(own, other)
            return address

        system = await stack.enter_async_context(
            engine(
                servers, (*SERVICES, "gateway"), "system", _variables(mishaps, hook), [pack, _CALENDAR], None, say,
                free=True, reached=reached,
            )
        )  # fmt: skip
        client = ChaosClient(system.kafka, system.urls["gateway"], traces / "calls.jsonl")
        stack.push_async_callback(client.stop)
        load = Load(client, options.seed, options.rate, ladders_end_s(options.levels))
        watch = Watch(system.kafka, load.heard)
        for follow in (watch.events(), watch.lags(enough=int(options.rate * _records(options.levels)))):
            task = asyncio.create_task(follow)
            stack.push_async_callback(_ended, task)
        yield World(system, client, load, receiver, broker, database, mishaps, folder / "stack" / "logs"), watch


def _records(levels: int) -> int:
    """About how many records all groups read of one problem; who is behind by those of a second has caught up."""
    return 18 + 3 * levels


def _variables(mishaps: Path, hook: str) -> dict[str, dict[str, str]]:
    """What the services are told: shorter time-outs than in production, so that a minute holds several recoveries."""
    # Six seconds is the shortest session that a broker allows unless told otherwise.
    short = {"DUBAN_SESSION_TIMEOUT": "6", "DUBAN_PUBLISH_TIMEOUT": "5", "DUBAN_DRAIN_TIMEOUT": "8"}
    variables = {name: {**short, FILE_VARIABLE: str(mishaps / name)} for name in (*SERVICES, "gateway")}
    for name in ("router", "intake"):
        variables[name]["DUBAN_ANCHOR_INTERVAL"] = "5"
    variables["escalation"] |= {
        "DUBAN_WEBHOOK_CONCURRENCY": str(UNITS),
        "DUBAN_WEBHOOK_URL": hook,
        "DUBAN_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "DUBAN_WEBHOOK_ALLOW_PRIVATE": "true",
        "DUBAN_WEBHOOK_TIMEOUT": "2",
    }
    variables["gateway"]["DUBAN_VAULT_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    return variables


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _broken(options: Options, strikes: Sequence[Strike], world: World, watch: Watch, say: Say) -> list[Struck]:
    """The load, with each strike in its time or later, when the one before it was slow to get over; all is healed."""
    struck: list[Struck] = []
    seconds = options.minutes * 60
    stop = asyncio.Event()
    load = asyncio.create_task(world.load.run(stop))
    progress = asyncio.create_task(_progress(world, watch, seconds, say))
    begun = time.monotonic()
    try:
        for strike in strikes:
            await asyncio.sleep(max(0.0, begun + strike.at_s - time.monotonic()))
            if time.monotonic() > begun + seconds + _OVERTIME:
                break
            struck += await _strike(strike, world, watch, say)
        await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
        stop.set()
        await load
        if world.tasks:
            await asyncio.wait(world.tasks)
    finally:
        load.cancel()
        progress.cancel()
        for fault in [fault for strike in strikes for fault in strike.faults if fault.lasts_s]:
            await fault.heal(world)
        for task in world.tasks:
            task.cancel()
    return struck


async def _strike(strike: Strike, world: World, watch: Watch, say: Say) -> list[Struck]:
    """Strike, heal in time, and wait until it is got over, though not for ever."""
    struck = await asyncio.gather(*(_one(fault, strike, world, watch, say) for fault in strike.faults))
    until = time.monotonic() + _PATIENCE
    while any(each.recovery.caught_up_s is None for each in struck) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    for each in struck:
        got_over = each.recovery
        say(
            "got over",
            f"{each.fault.NAME}: good after {got_over.first_good_s} s, caught up after {got_over.caught_up_s} s",
        )
    return struck


async def _one(fault: ChaosFault, strike: Strike, world: World, watch: Watch, say: Say) -> Struck:
    particulars = ", ".join(f"{name} {value}" for name, value in asdict(fault).items() if value not in (None, 0.0))
    say("strikes", f"{fault.NUMBER} {fault.NAME} ({particulars})")
    struck_at = datetime.now(UTC)
    # What is down on purpose for a while can be got over only after that.
    down = timedelta(seconds=getattr(fault, "down_s", 0.0))
    recovery = None if fault.lasts_s else watch.expect(struck_at + down, by_lapse=fault.by_lapse)
    try:
        await fault.strike(world)
        await asyncio.sleep(fault.lasts_s)
    finally:
        await fault.heal(world)
    recovery = recovery or watch.expect(datetime.now(UTC), by_lapse=fault.by_lapse)
    return Struck(fault, len(strike.faults) > 1, struck_at, datetime.now(UTC), recovery)


async def _progress(world: World, watch: Watch, seconds: float, say: Say) -> None:
    begun = time.monotonic()
    while True:
        await asyncio.sleep(10.0)
        counts = world.client.counts
        say(
            f"{time.monotonic() - begun:.0f} of {seconds:.0f} s",
            f"{counts['ok']} ok, {counts['fail']} fail, {counts['unknown']} unknown; {watch.registered} registered, "
            f"{watch.lapses} lapses, {world.receiver.posts} posts, lag {watch.lag}",
        )


async def _drained(world: World, watch: Watch, within: float, say: Say) -> float | None:
    """Wait until nothing is left to do: the seconds it took, None when that did not come about in time."""
    begun = quiet_since = time.monotonic()
    told_at = begun
    while (now := time.monotonic()) - begun < within:
        left = await _left(world, watch)
        if left:
            quiet_since = now
        elif now - quiet_since >= _QUIET:
            say("chaos", f"nothing left to do after {now - begun:.1f} s")
            return round(now - begun, 1)
        if now - told_at >= 5.0:
            told_at = now
            say("draining", left or "quiet")
        await asyncio.sleep(0.3)
    say("chaos", f"still not drained after {within:g} s: {await _left(world, watch)}")
    return None


async def _left(world: World, watch: Watch) -> str:
    """What is left to do, in words; empty when nothing is."""
    if watch.lag is None:
        return "the broker does not answer"
    if behind := {group: lag for group, lag in watch.lag.items() if lag}:
        return f"behind: {behind}"
    if world.load.at_work:
        return f"{world.load.at_work} people at work"
    try:
        connection = await asyncpg.connect(world.system.superuser, timeout=5.0)
        try:
            open_ = await connection.fetchval("select count(*) from router.published_records where due_at is not null")
            waiting = await connection.fetchval("select count(*) from escalation.deliveries where outcome is null")
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return f"the database does not answer: {error!r}"
    return f"{open_} problems have deadlines, {waiting} notices wait" if open_ or waiting else ""


async def _judged(traces: Path, without: Sequence[str]) -> dict[str, Any]:
    left_out = [word for invariant in without for word in ("--without", invariant)]
    judgement: dict[str, Any] = json.loads(await _checker("judge", str(traces), "--json", *left_out))
    return judgement


async def _checker(*arguments: str) -> bytes:
    """What the checker says, which is a program of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "duban_checker",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answer, complaint = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    if process.returncode not in _JUDGED or (arguments[0] == "collect" and process.returncode):
        raise ChaosFailed(f"the checker ended with {process.returncode}: {complaint.decode(errors='replace').strip()}")
    return answer
