"""Service processes under the supervisor: small real ones, no stack."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from duban_local.children import StackError, free_port, last_line, spawn, until
from duban_local.supervisor import Service, Supervisor

_SERVER = (
    "import http.server, sys\n"
    "class Ready(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self): self.send_response(200); self.end_headers()\n"
    "    def log_message(self, *_): pass\n"
    "print('serving', flush=True)\n"
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Ready).serve_forever()\n"
)
#: Says so when it is asked to stop, or refuses to.
_ASKED = (
    "import signal, sys\n"
    "signal.signal(signal.SIGTERM, lambda *_: {action})\n"
    "print('up', flush=True)\n"
    "while True: signal.pause()\n"
)


def _server(name: str) -> Service:
    port = free_port()
    return Service(name, [sys.executable, "-c", _SERVER, str(port)], ready=f"http://127.0.0.1:{port}/readyz")


def _asked(name: str, action: str) -> Service:
    return Service(name, [sys.executable, "-c", _ASKED.replace("{action}", action)])


class Said(list[tuple[str, str]]):
    def __call__(self, part: str, line: str) -> None:
        self.append((part, line))


@pytest.fixture
def said() -> Said:
    return Said()


async def test_services_are_ready_when_they_answer_and_gone_after_stop(tmp_path: Path, said: Said) -> None:
    async with Supervisor([_server("router"), _server("intake")], tmp_path, say=said) as supervisor:
        pids = supervisor.pids
        assert set(pids) == {"router", "intake"}
        assert {part for part, line in said if line.startswith("ready")} == {"router", "intake"}
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert [part for part, line in said if line == "stopped"] == ["intake", "router"], "in reverse"
    assert (tmp_path / "router.log").read_text() == "serving\n"


async def test_a_service_that_is_killed_is_started_again_and_ready_again(tmp_path: Path, said: Said) -> None:
    async with Supervisor([_server("router")], tmp_path, say=said) as supervisor:
        killed = await supervisor.kill("router")
        assert killed not in supervisor.pids.values()

        async def back() -> bool:
            return "router" in supervisor.pids

        await until(back, "not started again")
        await supervisor.wait_ready()
        assert supervisor.pids["router"] != killed
        assert supervisor.restarts == {"router": 1}
    assert ("router", "ended with -9 (serving); starts again in 1 s") in said


async def test_a_service_that_never_gets_ready_is_named_with_its_last_words(tmp_path: Path, said: Said) -> None:
    exits = ["sh", "-c", "echo no database named; exit 1"]
    broken = Service("router", exits, ready=f"http://127.0.0.1:{free_port()}/readyz")
    supervisor = Supervisor([broken], tmp_path, say=said)
    supervisor.start()
    try:
        await _up(tmp_path / "router.log", "no database named")
        with pytest.raises(StackError, match=r"router was not ready within 0\.5 s; last it wrote: no database named"):
            await supervisor.wait_ready(within=0.5)
    finally:
        await supervisor.stop()


async def test_stopping_asks_first(tmp_path: Path, said: Said) -> None:
    async with Supervisor([_asked("router", "sys.exit(print('asked'))")], tmp_path, say=said):
        await _up(tmp_path / "router.log")
    assert (tmp_path / "router.log").read_text() == "up\nasked\n"


async def test_a_service_that_will_not_stop_is_killed_after_the_grace(tmp_path: Path, said: Said) -> None:
    async with Supervisor([_asked("router", "print('no')")], tmp_path, say=said, grace=0.2) as supervisor:
        await _up(tmp_path / "router.log")
        pid = supervisor.pids["router"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_service_is_told_its_environment(tmp_path: Path, said: Said) -> None:
    shows = Service("router", [sys.executable, "-c", "import os; print(os.environ['TOLD'])"], env={"TOLD": "督办"})
    supervisor = Supervisor([shows], tmp_path, say=said)
    supervisor.start()
    await _up(tmp_path / "router.log", "督办")
    await supervisor.stop()


async def _up(log: Path, line: str = "up") -> None:
    async def written() -> bool:
        return line in last_line(log)

    await until(written, f"{line} was not written")


async def test_a_process_is_given_no_secret_of_another(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DUBAN_VAULT_KEY", "DUBAN_WEBHOOK_SECRET", "DUBAN_LOG_LEVEL"):
        monkeypatch.setenv(name, "of somebody")
    telling = "import os; print(sorted(name for name in os.environ if name.startswith('DUBAN_')), flush=True)\n"
    argv = [sys.executable, "-c", telling + "while True: __import__('time').sleep(1)"]
    services = [Service("api", argv, withheld=("DUBAN_VAULT_", "DUBAN_WEBHOOK_")), Service("gateway", argv)]
    async with Supervisor(services, tmp_path, say=said):
        broker = spawn("broker", argv, tmp_path / "broker.log")

        async def told() -> bool:
            return all((tmp_path / f"{name}.log").exists() and last_line(tmp_path / f"{name}.log") for name in NAMES)

        await until(told, "they did not say")
        await broker.end()
    assert last_line(tmp_path / "api.log") == "['DUBAN_LOG_LEVEL']"
    assert "DUBAN_VAULT_KEY" in last_line(tmp_path / "gateway.log")
    assert last_line(tmp_path / "broker.log") == "[]"


NAMES = ("api", "gateway", "broker")
