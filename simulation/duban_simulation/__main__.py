"""``python -m duban_simulation``: plays a history under a policy, and says meanwhile how far it is.

In comes a line that says what is played, then a line for each event, record by record. Out come lines of JSON:
``{"done": …, "of": …}`` as it goes on, and last ``{"differences": …}``, or ``{"fault": …}`` where it cannot be played.
The process needs nothing else: no file, no network, no secret. ``memory`` bounds what it takes.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO, Final

import orjson

from duban.errors import DubanError
from duban.messages.records import Event
from duban.messages.struct import from_json
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban.policy.library import Library
from duban_simulation.what_if import Experiment, differences

#: How often it is said how far it is: so many times at most.
_TIMES: Final = 200


def main(source: BinaryIO, sink: BinaryIO) -> None:
    """Play what comes by ``source``, and say so to ``sink``."""

    def say(**words: Any) -> None:
        sink.write(orjson.dumps(words, option=orjson.OPT_APPEND_NEWLINE))
        sink.flush()

    order = orjson.loads(source.readline())
    resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(PermissionError):  # a plain machine lets no service change that
        os.nice(10)
    gc.disable()  # what is made here stays until the end
    try:
        events = [from_json(line, Event) for line in source]
        say(differences=differences(_experiment(order), events, _progress(2 * len(events), say)))
    except DubanError as error:
        say(fault="unplayable", why=str(error))
    except MemoryError:
        say(fault="too_much", why=f"it takes more than {order['memory']} bytes")


def _experiment(order: dict[str, Any]) -> Experiment:
    pack = PolicyPack.model_validate(order["pack"])
    calendar = PublishedCalendar.model_validate(order["calendar"])
    library = Library.of(_published(order["published"]))
    rules = Rules.compile(pack, calendar.notice)
    return Experiment(rules, library, order["jurisdiction"], datetime.fromisoformat(order["until"]))


def _published(documents: Iterable[dict[str, Any]]) -> Iterable[PolicyPack | PublishedCalendar]:
    for document in documents:
        model = PublishedCalendar if "notice" in document else PolicyPack
        yield model.model_validate(document)


def _progress(total: int, say: Callable[..., None]) -> Callable[[], None]:
    every, done = max(1, total // _TIMES), 0

    def step() -> None:
        nonlocal done
        done += 1
        if done % every == 0:
            say(done=done, of=total)

    return step


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
