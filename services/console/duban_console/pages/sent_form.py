"""A form as somebody sent it: with its files, on its way to the router, and back to the page where it was not taken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

from starlette.datastructures import FormData, UploadFile

from duban.errors import Fault, Unavailable
from duban.io.evidence.desk import title_of
from duban.io.evidence.form_files import files_in, taken
from duban.io.evidence.reception import Reception
from duban.messages.report import Evidence, stored_evidence
from duban_console.action import InvalidAction
from duban_console.api.asker import Asker, Denied
from duban_console.ledger import Outcome
from duban_console.pages.forms import ActForm, body_of, refilled, refused
from duban_console.pages.record_words import RecordWords

#: So long a page waits for the router, as `duban act` does.
WAIT: Final = 5.0
#: So many files come with one form.
MOST_FILES: Final = 10

#: Sends what the body of a form says, and says what came of it, if that stands yet.
Decide = Callable[[dict[str, Any]], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A form that was not taken, with why, and the status to answer it with."""

    form: ActForm
    status: int


@dataclass(slots=True)
class SentForm:
    """What was sent; ``brought`` are its files that are in the store."""

    form: FormData
    texts: dict[str, list[str]] = field(init=False)
    brought: list[Evidence] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = {
            name: [str(value) for value in self.form.getlist(name) if not isinstance(value, UploadFile)]
            for name in self.form
        }
        # That they are in the store since it was first sent is looked at again.
        pairs = zip(self.texts.get("kept_sha256", ()), self.texts.get("kept_title", ()), strict=False)
        self.brought = [stored_evidence(sha256, title_of(title)) for sha256, title in pairs]

    @property
    def key(self) -> str:
        """Which of the forms of its page it is."""
        return str(self.form.get("key", ""))

    @property
    def command(self) -> str:
        """The id of its command: sent again, it is the same one."""
        id_ = str(self.form.get("command", ""))
        return str(UUID(id_)) if is_id(id_) else str(uuid4())

    async def tried(
        self, chosen: ActForm, words: RecordWords, asks: Asker, reception: Reception | None, decide: Decide
    ) -> NotTaken | Outcome | None:
        """Have ``decide`` send it as ``chosen``; what came of it, if that stands yet.

        Raises:
            Fault: 403, it is not for who asks.
        """
        chosen = refilled(chosen, self.texts)
        try:
            self.brought += await self._taken(asks, reception)
            outcome = await decide(body_of(chosen, self.texts, self.brought, words.zone))
        except InvalidAction as error:
            return NotTaken(refused(chosen, words, error.code, error.message, error.field), 400)
        except Denied:
            raise
        except Fault as fault:
            return NotTaken(refused(chosen, words, fault.code, str(fault), fault.field), fault.status)
        except Unavailable as error:
            return NotTaken(refused(chosen, words, "unavailable", str(error)), 503)
        if outcome is not None and (why := outcome.refused) is not None:
            return NotTaken(refused(chosen, words, why.code, why.reason), 409)
        return outcome

    async def _taken(self, asks: Asker, reception: Reception | None) -> list[Evidence]:
        """The files of the form, in the store."""
        files = files_in(self.form, "evidence")
        if not files:
            return []
        asks.must("upload_evidence")
        return await taken(reception, files)


def is_id(name: str) -> bool:
    """Whether ``name`` is the id of something."""
    try:
        UUID(name)
    except ValueError:
        return False
    return True
