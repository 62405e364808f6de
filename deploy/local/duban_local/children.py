"""Child processes that do not outlive us, and ports on loopback."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from duban.errors import DubanError

LOOPBACK = "127.0.0.1"

#: How a part tells of its progress: its name, then one line.
Say = Callable[[str, str], None]

_TICK = 0.02
#: Sockets that hold the ports which were given away, the latest of them: as many as the parts of several engines have.
_HELD: deque[int] = deque()
_MOST_HELD = 128
_PR_SET_PDEATHSIG = 1
#: Loaded here because a freshly forked child must not.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackError(DubanError):
    """A part of the local stack cannot run; the message says which, why, and what to do."""


@dataclass(slots=True)
class Child:
    """A running child process whose output goes to ``log``."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs, else what it ended with (negative: the signal that ended it)."""
        return self.process.poll()

    async def ended(self, within: float | None = None) -> int | None:
        """Its exit code as soon as it has ended, or ``None`` after ``within`` seconds."""
        last = None if within is None else time.monotonic() + within
        while self.exit_code is None and (last is None or time.monotonic() < last):  # noqa: ASYNC110
            await asyncio.sleep(_TICK)  # the same under every event loop, unlike their watchers of children
        return self.exit_code

    async def completed(self) -> int | None:
        """Its exit code, for a child with an end of its own; when we are cancelled it is killed."""
        try:
            return await self.ended()
        finally:
            await self.end(grace=0)

    async def end(self, grace: float = 20.0, asking: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop, give it ``grace`` seconds, then kill it; harmless when it has ended already."""
        if self.exit_code is None:
            self.process.send_signal(asking)
            if await self.ended(grace) is None:
                self.process.kill()
        await self.ended()

    async def kill(self) -> None:
        """End it as a crash would, without a word."""
        self.process.kill()
        await self.ended()

    def last_line(self) -> str:
        """What it said last, for messages: the error in a JSON line, else the line; empty when it wrote none."""
        line = last_line(self.log)
        try:
            document = json.loads(line)
        except ValueError:
            return line
        return str(document.get("error") or document.get("event") or line) if isinstance(document, dict) else line


def spawn(
    name: str,
    argv: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    withheld: Callable[[str], bool] = lambda variable: variable.startswith("DUBAN_"),
    account: pwd.struct_passwd | None = None,
    on_parent_death: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start ``argv`` with its output appended to ``log``, as ``account`` if given (only root may).

    It inherits our environment but for the variables that are ``withheld`` from it, by default every setting of
    Duban's: a broker or a database has no business with the keys of a vault. ``env`` is added to that.

    On Linux the kernel sends it ``on_parent_death`` when the *thread* that called this ends, however that came about,
    so call it from a thread that lives as long as the child should. It gets a session of its own: Ctrl-C at the
    terminal reaches us alone, and we stop the parts in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    identity = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - the caller's own argv, no shell
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**{name: value for name, value in os.environ.items() if not withheld(name)}, **(env or {})},
            start_new_session=True,
            preexec_fn=_tied_to(os.getpid(), on_parent_death),
            **identity,  # type: ignore[call-overload]
        )
    return Child(name, process, log)


def _tied_to(parent: int, on_parent_death: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    libc = _LIBC

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(on_parent_death), 0, 0, 0)
        if os.getppid() != parent:  # it died before the tie held
            os._exit(1)

    return tie


def end_stray(pid: int, marker: str, grace: float = 10.0) -> bool:
    """End process ``pid`` left by an earlier run if its command line names ``marker``; whether there was one."""
    try:
        process = psutil.Process(pid)
        if not any(marker in word for word in process.cmdline()):
            return False
        process.terminate()
        try:
            process.wait(grace)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(grace)
    except psutil.NoSuchProcess:
        return False
    return True


def free_port() -> int:
    """A TCP port on loopback that nobody else is given for a while, here or in another process.

    Somebody listens there only later; until then, and while it is away, the port stays bound by us. That hinders no
    server which sets SO_REUSEADDR, as all of them do.
    """
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = int(held.getsockname()[1])
        _HELD.append(held.detach())
    if len(_HELD) > _MOST_HELD:
        os.close(_HELD.popleft())
    return port


def claim_port(port: int, part: str, variable: str) -> int:
    """``port`` if it is free, a free one for 0.

    Raises:
        StackError: when something listens there already; names the variable that moves ``part`` elsewhere.
    """
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StackError(
                f"{part} cannot listen on {LOOPBACK}:{port}: {error.strerror or error}. "
                f"Stop what uses that port, or set {variable} to another one ({variable}=0 picks a free one)."
            ) from None
    return port


async def is_open(port: int) -> bool:
    """Whether something on loopback accepts connections at ``port``."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float = 120.0) -> None:
    """Return as soon as ``condition`` holds.

    Raises:
        StackError: ``what`` did not come about within so many seconds.
    """
    try:
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110 - other processes set no events
                await asyncio.sleep(_TICK)
    except TimeoutError:
        raise StackError(f"{what} within {within:g} s") from None


def last_line(log: Path, within: int = 8192) -> str:
    """The last line of a log file that is not blank; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - within))
        written = lines.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(written) if line.strip()), "")


def closed(folder: Path) -> Path:
    """``folder``, made if it is not there, open to its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def wipe(folder: Path) -> None:
    """Remove ``folder`` and all in it; harmless when it is not there."""
    if folder.exists():
        shutil.rmtree(folder)
