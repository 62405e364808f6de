"""The log of accounts: who was let in, refused or denied, and every change of an account, as a chain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from duban.messages.log_chain import Audit, LogLine, audit


class AccountActKind(StrEnum):
    """What was done."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"  #: to an account that there is, or to nobody
    DENIED = "denied"  #: somebody who is known asked for what is for others: a deed, a record, an account
    ORIGINAL_OPENED = "original_opened"  #: of a file of evidence
    SESSION_ENDED = "session_ended"  #: signed out, ended by somebody else, or by time
    ACCOUNT_ADDED = "account_added"
    APPOINTMENTS_SET = "appointments_set"
    TURNED_OFF = "turned_off"
    TURNED_ON = "turned_on"
    PASSWORD_SET = "password_set"  # noqa: S105 - an act
    FACTOR_BEGUN = "factor_begun"  #: a secret was shown; it counts once confirmed
    FACTOR_CONFIRMED = "factor_confirmed"
    FACTOR_TAKEN = "factor_taken"  #: it was lost, and the account has none any more
    KEY_MADE = "key_made"
    KEY_ENDED = "key_ended"  #: revoked, replaced, or by time
    CALENDAR_MADE = "calendar_made"  #: an address for their calendar, in the place of an earlier one
    CALENDAR_ENDED = "calendar_ended"
    SCREEN_MADE = "screen_made"  #: an address that shows the board of a city on a wall
    SCREEN_ENDED = "screen_ended"
    CONTACT_CHANGED = "contact_changed"  #: how somebody or a unit is told, or who is on call, on a page
    POLICY_PROPOSED = "policy_proposed"  #: a draft of a pack, to be published by a second person's yes
    POLICY_PUBLISHED = "policy_published"  #: that yes; ``account`` is who had proposed it
    POLICY_REFUSED = "policy_refused"
    POLICY_WITHDRAWN = "policy_withdrawn"
    BULLETIN_SIGNED = "bulletin_signed"  #: with the SHA-256 of its figures
    BULLETIN_SENT = "bulletin_sent"  #: to whom the pack names


@dataclass(frozen=True, slots=True)
class AccountAct:
    """One line of the log: what ``by`` did about ``account``, from which ``address``, and what there is to say of it.

    ``account`` is empty where somebody tried a name that nobody has; what they typed is not kept.
    """

    kind: AccountActKind
    at: datetime
    by: str
    account: str
    address: str = ""
    detail: str = ""

    def fields(self) -> dict[str, object]:
        """What its line says."""
        return {
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(),
            "by": self.by,
            "account": self.account,
            "address": self.address,
            "detail": self.detail,
        }


class AccountLine(LogLine):
    """One line of the log."""

    __slots__ = ()

    @property
    def act(self) -> AccountAct:
        """What the bytes say."""
        fields = self.fields
        at = datetime.fromisoformat(fields["at"])
        kind = AccountActKind(fields["kind"])
        return AccountAct(kind, at, fields["by"], fields["account"], fields["address"], fields["detail"])


def log_audit(lines: Sequence[AccountLine], noted: Iterable[str] = ()) -> Audit:
    """Whether ``lines`` are the log that was written, and each head ``noted`` earlier is still in it."""
    return audit(lines, noted, _unread)


def _unread(line: AccountLine) -> str | None:
    try:
        _ = line.act
    except (ValueError, KeyError, TypeError):
        return "it is no line that accounts are logged by"
    return None
