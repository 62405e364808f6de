"""F13: a receiver of notices that is slow, hangs, closes, refuses or puts off; then it heals.

    python -m tests.faults.by_hand.receivers hang        # or slow, close, 404, 429, 500, one (hangs for one recipient)

Right: deadlines fire on time, nothing is sent again without need, memory is bounded, and all is told in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from base64 import b64encode
from collections import Counter

import orjson
import psutil  # type: ignore[import-untyped]

from duban_cli.system import System
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine, rows, say, verdict

MODES = ("slow", "hang", "one", "close", "404", "429", "500")


class Receiver:
    """A receiver on loopback that misbehaves as ``mode`` says; ``posts`` counts what came, by its webhook-id."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.posts: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.under_way = 0
        self.most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
                body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
                self.posts[headers["webhook-id"]] += 1
                self.under_way += 1
                self.most = max(self.most, self.under_way)
                try:
                    writer.write(await self._answer(headers["webhook-id"], body["data"]["recipient"], reader))
                    await writer.drain()
                finally:
                    self.under_way -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, id_: str, recipient: str, reader: asyncio.StreamReader) -> bytes:
        if self.mode == "hang" or (self.mode == "one" and recipient == "water"):
            await reader.read()  # until the other side hangs up
            raise ConnectionResetError
        if self.mode == "slow":
            await asyncio.sleep(0.9)
        if self.mode == "close":
            raise ConnectionResetError
        if self.mode.isdigit():
            return f"HTTP/1.1 {self.mode} X\r\nContent-Length: 0\r\n\r\n".encode()
        self.taken[id_] += 1
        return b"HTTP/1.1 204 No Content\r\n\r\n"


async def _watched(system: System, receiver: Receiver) -> None:
    while True:
        rss = psutil.Process(system.pids["escalation"]).memory_info().rss / 1e6
        waiting = (await rows(system.superuser, "select count(*) from escalation.deliveries where outcome is null"))[0][
            0
        ]
        say(
            f"posts {receiver.posts.total()} of {len(receiver.posts)} notices, at most {receiver.most} at once; "
            f"{waiting} wait; escalation has {rss:.0f} MB, restarts {system.supervisor.restarts['escalation']}"
        )
        await asyncio.sleep(10)


async def main(mode: str, reports: int) -> int:
    receiver = Receiver(mode)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    webhook = {
        "DUBAN_WEBHOOK_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
        "DUBAN_WEBHOOK_SECRET": "whsec_" + b64encode(b"k" * 32).decode(),
        "DUBAN_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    async with engine(env={"escalation": webhook}) as system:
        watching = asyncio.create_task(_watched(system, receiver))
        reports_sent = Load(system)
        await reports_sent.send(range(reports), 20)
        await asyncio.sleep(40)
        if mode == "one":
            away = "select count(*) from escalation.deliveries where outcome is null and recipient <> 'water'"
            others_told = not (await rows(system.superuser, away))[0][0]
            say(f"all others told while one hangs: {others_told}")
        else:
            others_told = True
        say("the receiver heals")
        receiver.mode = "ok"
        told = mode == "404" or await all_lapsed(system, reports)
        watching.cancel()
        right = await account(system, reports_sent.sent, latest=2.0) or mode == "404"
        twice = sum(count > 1 for count in receiver.taken.values())
        say(f"taken twice: {twice}; posts a notice at most: {max(receiver.posts.values())}")
        calm = mode != "404" or max(receiver.posts.values()) == 1
        alive = not system.supervisor.restarts["escalation"]
    server.close()
    return verdict(told, right, others_told, not twice, calm, alive)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--reports", type=int, default=200)
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.mode, args.reports)))
