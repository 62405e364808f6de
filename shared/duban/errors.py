"""Every error that Duban raises on purpose.

DubanError
├── Undecodable      bytes that are no message of ours: dead letter
├── PackError        a policy pack breaks a law; names file, path and law
├── CalendarError    a calendar or a duration cannot be used
├── SettingsError    a setting is missing or unusable
├── MigrationError   a schema does not match the migrations that the code carries
├── RecordTooLarge   a record that no topic would take
├── NotArrived       what a message names is not there (yet): wait a while, then set it aside
├── Fault            a request over HTTP that is not taken: its status, and what to do
└── Unavailable      a dependency is away: wait and try again, nothing is wrong with the message
    └── NotGranted   it is there, and refuses us: a right is missing, or our password; it may be granted while we wait
"""

from __future__ import annotations

from collections.abc import Mapping


class DubanError(Exception):
    """The root of the tree: catch it where any of ours will do."""


class Undecodable(DubanError):
    """Bytes on a topic that are no message of ours.

    ``code`` is a short stable word (``not_json``, ``unknown_type``, ``invalid`` …) for headers and metrics.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class PackError(DubanError):
    """A policy pack that breaks a law: ``file``, ``path`` inside it, and the ``law``.

    ``path`` and ``law`` may bring their Chinese along (:mod:`duban.sentence`); the error itself is in English.
    """

    def __init__(self, file: str, path: str, law: str) -> None:
        super().__init__(f"{file}: {path or '(root)'}: {law}")
        self.file = file
        self.path = path
        self.law = law


class CalendarError(DubanError):
    """A calendar or a duration that cannot be used, with what to do about it."""


class SettingsError(DubanError):
    """A setting that is missing or unusable, with its name."""


class MigrationError(DubanError):
    """A database schema that does not match the migrations of this release."""


class RecordTooLarge(DubanError):
    """A record that no topic would take, with its topic, key, size and the limit."""


class NotArrived(DubanError):
    """What a message names has not arrived, a pack or a version of a calendar: it may come, or never."""


class Fault(DubanError):
    """A request over HTTP that is not taken: the status, a short stable word, the field, and what to do.

    ``retry``: seconds after which the same request may be sent again. ``headers``: what its protocol says besides.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        retry: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.headers = headers or {}
        self.status = status
        self.code = code
        self.field = field


class Unavailable(DubanError):
    """A dependency (broker, database, receiver) is away; the same call may succeed later."""


class NotGranted(Unavailable):
    """A dependency refuses us for want of a right, or for our password: whose, which, and what to do."""
