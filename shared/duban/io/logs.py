"""Logs: one JSON object a line on stdout, for our own lines and those of every library."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from duban.texts import printable, printable_json

#: Libraries whose INFO tells nobody anything.
_QUIET = ("aiokafka", "asyncio", "httpx2", "uvicorn.access")
#: A client that cannot reach its broker says so many times a second; each kind of line is written once in so many.
_REPEAT_SECONDS = 5.0


class _Calm(logging.Filter):
    """Lets a line of aiokafka pass only if none of its kind passed just now."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        kind = (record.name, str(record.msg))
        if record.created - self._passed.get(kind, 0.0) < _REPEAT_SECONDS:
            return False
        self._passed[kind] = record.created
        return True


def _shown(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What others have written is shown; a terminal obeys none of it."""
    return {key: printable(value, but="\n\t") if isinstance(value, str) else value for key, value in event.items()}


def _escaped(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """The line of JSON, so that no terminal obeys what stands in it."""
    return printable_json(line)


def configure(service: str, level: str = "INFO", form: Literal["json", "console"] = "json") -> None:
    """Send all that this process logs to stdout, with ``timestamp`` (UTC), ``level``, ``event``, ``service``."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    rendered: list[Processor] = (
        [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
            _escaped,
        ]
        if form == "json"
        else [_shown, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_Calm())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
