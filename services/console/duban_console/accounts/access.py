"""Who may see and do what: one table of roles and deeds, and the question that is asked of it. Pure.

The router's own rules stay the last word: it knows the pack, and refuses a unit that may not act whatever stands here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from duban.messages.records import AnyRecord, Problem
from duban.refusal import Refusal
from duban_console.accounts.account import Account, Appointment, Role
from duban_console.accounts.session import Principal, Scope
from duban_console.action import ACTIONS


class Reach(StrEnum):
    """Of which records a role may see or do something."""

    OWN = "own"  #: those whose unit its own unit is, or in which that joins
    CITY = "city"  #: every one of its city
    ALL = "all"  #: every one


#: What may be done to begin a record, beside the actions on one.
BEGINNING: Final = ("pledge", "put_on_list", "take_reading")
#: What may be seen, and changes nothing: all that a key to read is for.
SEEING: Final = (
    "see_problem",
    "see_duty",
    "see_listing",
    "see_reward",
    "see_reading",
    "see_history",
    "see_unanswered",
    "see_command",
    "see_evidence",
    "see_original",
    "check_name",
    "see_bulletin",
    "see_issue",
)
#: What is brought along before a command cites it.
BROUGHT: Final = ("upload_evidence",)
#: Of bulletins: what a person stands for.
OF_BULLETINS: Final = ("sign_bulletin", "send_bulletin")
#: Of the vault, which has an address of its own.
OF_VAULT: Final = ("ask_vault", "approve_vault", "refuse_vault", "open_vault", "forget_contact", "see_vault_log")
#: Of the accounts, and of who comes without one: systems by their keys, screens on walls by their addresses.
OF_ACCOUNTS: Final = ("keep_accounts", "keep_keys", "keep_screens", "see_account_log")
#: Of how others are told: the contacts of a unit, and who is on call there. One's own is everybody's.
OF_CONTACTS: Final = ("keep_contacts",)
#: Of the engine itself, by pages: how it is, and dead letters back to where they came from.
OF_OPERATION: Final = ("see_operation", "replay_letter")

#: Of policies, by pages: a draft is played over the past, proposed, and published by a second person's yes.
OF_POLICIES: Final = ("try_policy", "propose_policy", "decide_policy")

_OWN, _CITY, _ALL = Reach.OWN, Reach.CITY, Reach.ALL
_Cells = Mapping[Role, Reach]
#: Who sees a city as a whole, and the units, which see what is theirs.
_UNITS: Final[_Cells] = {Role.CLERK: _OWN, Role.HEAD: _OWN}
_OVERSEERS: Final[_Cells] = {Role.OFFICE: _CITY, Role.LEADER: _CITY, Role.SUPERVISOR: _CITY, Role.INSPECTOR: _CITY}
_DESKS: Final[_Cells] = {Role.OFFICE: _CITY, Role.DESK: _CITY}
_AUDIT: Final[_Cells] = {Role.AUDITOR: _ALL}
_LOOKERS_ON: Final[_Cells] = {Role.SOCIAL_SUPERVISOR: _CITY}

#: Deeds that the same roles may, with their reach; each deed stands once.
_ROWS: Final[tuple[tuple[tuple[str, ...], _Cells], ...]] = (
    (("see_problem",), {**_DESKS, **_OVERSEERS, **_UNITS, **_LOOKERS_ON, **_AUDIT}),
    (("see_reading",), {**_OVERSEERS, **_UNITS, **_LOOKERS_ON, **_AUDIT}),
    (("see_history",), {**_DESKS, **_OVERSEERS, **_UNITS, **_AUDIT}),
    (("see_duty", "see_listing"), {**_OVERSEERS, **_UNITS, **_AUDIT}),
    (("see_unanswered",), {**_DESKS, Role.SUPERVISOR: _CITY, **_UNITS, **_AUDIT}),
    # Whose report it was for is known by a handle alone, which is no reason to show it around.
    (("see_reward",), {Role.OFFICE: _CITY, Role.SUPERVISOR: _CITY, **_UNITS, **_AUDIT}),
    (("see_command",), {**_DESKS, **_OVERSEERS, **_UNITS, Role.OPERATOR: _ALL, **_AUDIT}),
    (("check_name",), {**_DESKS, **_OVERSEERS, Role.CLERK: _CITY, Role.HEAD: _CITY, **_AUDIT}),
    # It is compiled of a whole city, and goes to the units when whoever signs it has sent it.
    (("see_bulletin",), {**_OVERSEERS, **_AUDIT}),
    # Once sent, it is there for those to whom it went.
    (("see_issue",), {**_DESKS, **_OVERSEERS, Role.CLERK: _CITY, Role.HEAD: _CITY, **_AUDIT}),
    # The pack names the unit that signs.
    (("sign_bulletin",), {Role.OFFICE: _CITY, Role.HEAD: _CITY, Role.LEADER: _CITY}),
    (("send_bulletin",), {Role.OFFICE: _CITY}),
    # A file is known by its seal, which stands in the records that cite it: who cannot see them does not know it.
    (("see_evidence",), {**_DESKS, **_OVERSEERS, Role.CLERK: _CITY, Role.HEAD: _CITY, **_AUDIT}),
    (
        ("see_original",),
        {
            Role.OFFICE: _CITY,
            Role.CLERK: _CITY,
            Role.HEAD: _CITY,
            Role.SUPERVISOR: _CITY,
            Role.INSPECTOR: _CITY,
            **_AUDIT,
        },
    ),
    (("upload_evidence",), {**_DESKS, **_OVERSEERS, Role.CLERK: _CITY, Role.HEAD: _CITY}),
    # What a pack lets others owe, their heads may do where they are a party.
    (("reject", "dispatch", "classify"), {**_DESKS, Role.HEAD: _OWN}),
    (
        ("decide_plan", "review", "resume", "flag", "unflag", "sponsor", "strike_off", "rate"),
        {Role.OFFICE: _CITY, Role.HEAD: _OWN},
    ),
    (("pause", "reopen"), {Role.OFFICE: _CITY}),
    (("refer", "pass_on", "appeal"), {Role.OFFICE: _CITY, **_UNITS}),
    (("verify",), {Role.OFFICE: _CITY, Role.HEAD: _OWN, Role.SUPERVISOR: _CITY}),
    (
        ("acknowledge", "plan", "reach_milestone", "progress", "finish_part", "complete", "receive", "take_off_list"),
        {Role.OFFICE: _OWN, **_UNITS},
    ),
    # What binds the unit, its head says.
    (("hand_back", "ask_extension", "justify", "award", "decline"), {Role.OFFICE: _OWN, Role.HEAD: _OWN}),
    (("defer",), {Role.OFFICE: _CITY, Role.HEAD: _OWN}),
    # The pack names who decides, which need be no party of the record.
    (
        ("decide_extension", "decide_justification", "approve", "withhold"),
        {Role.OFFICE: _CITY, Role.HEAD: _CITY, Role.LEADER: _CITY},
    ),
    (("decide_appeal",), {Role.OFFICE: _CITY, Role.HEAD: _CITY}),
    (("reply",), {**_DESKS, **_UNITS, Role.LEADER: _OWN}),
    (("check", "look_back"), {Role.OFFICE: _CITY, **_UNITS, Role.SUPERVISOR: _CITY, Role.INSPECTOR: _CITY}),
    (
        ("take_step",),
        {**_DESKS, **_UNITS, Role.LEADER: _OWN, Role.SUPERVISOR: _CITY, Role.INSPECTOR: _CITY},
    ),
    (("waive_step",), {Role.OFFICE: _CITY, Role.HEAD: _OWN, Role.LEADER: _OWN}),
    (("collect", *BEGINNING), {Role.OFFICE: _CITY, **_UNITS}),
    (
        ("ask_vault", "approve_vault", "refuse_vault", "open_vault", "forget_contact"),
        {Role.CUSTODIAN: _ALL},
    ),
    (("see_vault_log",), {Role.CUSTODIAN: _ALL, **_AUDIT}),
    (("keep_accounts", "keep_keys"), {Role.ADMINISTRATOR: _ALL}),
    (("keep_screens",), {Role.LEADER: _CITY, Role.ADMINISTRATOR: _ALL}),
    (OF_CONTACTS, {Role.OFFICE: _CITY, Role.HEAD: _OWN}),
    (("see_account_log",), {Role.ADMINISTRATOR: _ALL, **_AUDIT}),
    # Dead letters hold what reporters wrote: who looks at them looks at all of it.
    (OF_OPERATION, {Role.OPERATOR: _ALL}),
    # It shows how every unit has met its limits, as an account of the city does.
    (("try_policy",), _OVERSEERS),
    # A policy is the city's own: its office and its leaders, and never one person alone.
    (("propose_policy", "decide_policy"), {Role.OFFICE: _CITY, Role.LEADER: _CITY}),
)

#: Every deed, in the order in which people read them.
DEEDS: Final = (
    *SEEING,
    *ACTIONS,
    *BEGINNING,
    *BROUGHT,
    *OF_BULLETINS,
    *OF_VAULT,
    *OF_ACCOUNTS,
    *OF_CONTACTS,
    *OF_OPERATION,
    *OF_POLICIES,
)
_BY_DEED: Final = {deed: cells for deeds, cells in _ROWS for deed in deeds}
#: The table: of each deed, which roles may do it, and with which reach.
TABLE: Final[Mapping[str, _Cells]] = MappingProxyType({deed: _BY_DEED[deed] for deed in DEEDS})

#: What a key to read may, as far as its system does.
_READ: Final = frozenset({*SEEING, "see_vault_log", "see_account_log", "see_operation"})

#: For a route that needs no account: whoever asks shows something else, or there is nothing to guard.
ANYBODY: Final = "anybody"
#: For a route that everybody has who is signed in.
SIGNED_IN: Final = "anybody signed in"
#: For a route whose deed is the action in its body.
THE_ACTION: Final = "the action"
#: What each route of the API and of the vault is the deed of.
ROUTES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("GET", "/v1/records"): SIGNED_IN,  # each as those of its kind are there
        ("GET", "/v1/problems"): "see_problem",
        ("GET", "/v1/problems/{id}"): "see_problem",
        ("GET", "/v1/problems/{id}/history"): "see_history",
        ("GET", "/v1/problems/{id}/reports"): "see_history",
        ("POST", "/v1/reports/export"): ANYBODY,  # by the code of the report, which its reporter alone has
        ("GET", "/v1/problems/{id}/unanswered"): "see_unanswered",
        ("POST", "/v1/problems/{id}/actions"): THE_ACTION,
        ("GET", "/v1/duties"): "see_duty",
        ("GET", "/v1/duties/{id}"): "see_duty",
        ("GET", "/v1/duties/{id}/history"): "see_history",
        ("POST", "/v1/duties/{id}/actions"): THE_ACTION,
        ("POST", "/v1/pledges"): "pledge",
        ("GET", "/v1/listings"): "check_name",
        ("POST", "/v1/listings"): "put_on_list",
        ("GET", "/v1/listings/entries"): "see_listing",
        ("GET", "/v1/listings/{id}"): "see_listing",
        ("GET", "/v1/listings/{id}/history"): "see_history",
        ("POST", "/v1/listings/{id}/actions"): THE_ACTION,
        ("GET", "/v1/rewards"): "see_reward",
        ("GET", "/v1/rewards/{id}"): "see_reward",
        ("GET", "/v1/rewards/{id}/history"): "see_history",
        ("POST", "/v1/rewards/{id}/actions"): THE_ACTION,
        ("POST", "/v1/rewards/lookup"): ANYBODY,  # by the code of the report, which its reporter alone has
        ("GET", "/v1/readings"): "see_reading",
        ("POST", "/v1/readings"): "take_reading",
        ("GET", "/v1/readings/{id}"): "see_reading",
        ("GET", "/v1/readings/{id}/history"): "see_history",
        ("POST", "/v1/readings/{id}/actions"): THE_ACTION,
        ("GET", "/v1/commands/{id}"): "see_command",
        ("GET", "/v1/commands/{source}/{id}"): "see_command",
        ("GET", "/v1/packs"): SIGNED_IN,
        ("GET", "/v1/packs/{ref}"): SIGNED_IN,
        ("GET", "/v1/packs/{ref}/bulletins/{bulletin}"): "see_bulletin",
        ("GET", "/v1/calendars/{calendar}"): SIGNED_IN,
        ("GET", "/v1/evidence/{sha256}"): "see_evidence",
        ("GET", "/v1/evidence/{sha256}/published"): "see_evidence",
        ("GET", "/v1/evidence/{sha256}/original"): "see_original",
        ("OPTIONS", "/v1/evidence/uploads"): ANYBODY,  # says what the server can, before anything is sent
        ("POST", "/v1/evidence/uploads"): "upload_evidence",
        ("HEAD", "/v1/evidence/uploads/{id}"): "upload_evidence",
        ("PATCH", "/v1/evidence/uploads/{id}"): "upload_evidence",
        ("GET", "/v1/evidence/uploads/{id}"): "upload_evidence",
        ("DELETE", "/v1/evidence/uploads/{id}"): "upload_evidence",
        ("POST", "/v1/sessions"): ANYBODY,
        ("GET", "/v1/sessions"): SIGNED_IN,
        ("GET", "/v1/sessions/oidc"): ANYBODY,
        ("GET", "/v1/sessions/oidc/callback"): ANYBODY,
        ("DELETE", "/v1/sessions/{id}"): SIGNED_IN,
        ("GET", "/v1/me"): SIGNED_IN,
        ("POST", "/v1/vault/asks"): "ask_vault",
        ("POST", "/v1/vault/asks/{ask}/approval"): "approve_vault",
        ("POST", "/v1/vault/asks/{ask}/refusal"): "refuse_vault",
        ("POST", "/v1/vault/asks/{ask}/opening"): "open_vault",
        ("POST", "/v1/vault/forgotten"): "forget_contact",
        ("POST", "/v1/vault/erasures"): "forget_contact",
        ("GET", "/v1/vault/requests"): "see_vault_log",
        ("GET", "/v1/vault/log"): "see_vault_log",
        ("GET", "/v1/vault/verification"): "see_vault_log",
    }
)

#: What each page is the deed of.
PAGES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("GET", "/"): SIGNED_IN,
        ("GET", "/sign-in"): ANYBODY,
        ("POST", "/sign-in"): ANYBODY,
        ("POST", "/sign-out"): ANYBODY,  # of the session that the browser has, if any
        ("GET", "/account"): SIGNED_IN,
        ("POST", "/account/sessions/{id}"): SIGNED_IN,
        ("GET", "/account/password"): SIGNED_IN,
        ("POST", "/account/password"): SIGNED_IN,
        ("GET", "/account/factor"): SIGNED_IN,
        ("POST", "/account/factor"): SIGNED_IN,
        ("POST", "/account/factor/confirmation"): SIGNED_IN,
        ("POST", "/account/factor/end"): SIGNED_IN,
        ("GET", "/preferences"): SIGNED_IN,
        ("POST", "/preferences/calendar"): SIGNED_IN,
        ("POST", "/preferences/contact"): SIGNED_IN,  # one's own; a unit's is `keep_contacts`
        ("POST", "/preferences/trial"): SIGNED_IN,  # likewise
        ("POST", "/preferences/calendar/end"): SIGNED_IN,
        ("GET", "/rota"): SIGNED_IN,
        ("POST", "/rota"): "keep_contacts",
        ("POST", "/rota/end"): "keep_contacts",
        ("POST", "/rota/relief"): SIGNED_IN,  # of one's own turn; of others' it is `keep_contacts`
        ("GET", "/calendar/{secret}/{language}.ics"): ANYBODY,  # by the secret, which its owner alone has
        ("GET", "/accounts"): "keep_accounts",
        ("POST", "/accounts"): "keep_accounts",
        ("GET", "/accounts/{name}"): "keep_accounts",
        ("POST", "/accounts/{name}/appointments"): "keep_accounts",
        ("POST", "/accounts/{name}/steps/{step}"): "keep_accounts",
        ("POST", "/accounts/{name}/sessions/{id}"): "keep_accounts",
        ("POST", "/accounts/{name}/keys"): "keep_keys",
        ("POST", "/accounts/{name}/keys/{id}"): "keep_keys",
        ("GET", "/account-log"): "see_account_log",
        ("GET", "/find"): SIGNED_IN,  # each as those of its kind are there
        ("GET", "/records/{id}"): SIGNED_IN,  # as those of its kind are there
        ("POST", "/records/{id}/acts/{action}"): THE_ACTION,
        ("GET", "/lists"): "check_name",  # the entries themselves are `see_listing`
        ("POST", "/lists"): "put_on_list",
        ("GET", "/packs"): SIGNED_IN,
        ("GET", "/packs/{ref}"): SIGNED_IN,
        ("GET", "/drafts"): SIGNED_IN,
        ("POST", "/drafts"): SIGNED_IN,
        ("POST", "/proposals"): "propose_policy",
        ("GET", "/proposals/{id}"): "propose_policy",
        ("POST", "/proposals/{id}/withdrawal"): "propose_policy",
        ("POST", "/proposals/{id}/approval"): "decide_policy",
        ("POST", "/proposals/{id}/refusal"): "decide_policy",
        ("POST", "/experiments"): "try_policy",
        ("GET", "/experiments/{id}"): "try_policy",
        ("GET", "/experiments/{id}/stream"): "try_policy",
        ("POST", "/experiments/{id}/end"): "try_policy",
        ("GET", "/operation"): "see_operation",
        ("GET", "/operation/topics"): "see_operation",
        ("GET", "/operation/letters"): "see_operation",
        ("GET", "/operation/letters/{topic}"): "see_operation",
        ("GET", "/operation/letters/{topic}/{partition}/{offset}"): "see_operation",
        ("POST", "/operation/letters/{topic}/{partition}/{offset}"): "replay_letter",
        ("GET", "/operation/deadlines"): "see_operation",
        ("GET", "/operation/sources"): "see_operation",
        ("GET", "/operation/anchors"): "see_operation",
        ("GET", "/vault"): "see_vault_log",
        ("POST", "/vault/asks"): "ask_vault",
        ("POST", "/vault/asks/{id}/approval"): "approve_vault",
        ("POST", "/vault/asks/{id}/refusal"): "refuse_vault",
        ("POST", "/vault/asks/{id}/opening"): "open_vault",
        ("GET", "/inbox"): "see_history",
        ("GET", "/mine"): "acknowledge",
        ("GET", "/ledger"): "see_problem",
        ("GET", "/ledger/{form}"): "see_problem",
        ("POST", "/ledger/views"): "see_problem",
        ("POST", "/ledger/views/removal"): "see_problem",
        ("GET", "/leader"): "see_history",
        ("GET", "/comparison"): "see_history",
        ("GET", "/wall"): "see_history",
        ("GET", "/wall/stream"): "see_history",
        ("GET", "/wall/screens"): "keep_screens",
        ("POST", "/wall/screens"): "keep_screens",
        ("POST", "/wall/screens/{id}"): "keep_screens",
        ("GET", "/screen/{secret}"): ANYBODY,  # by the secret, which the screen alone has
        ("GET", "/screen/{secret}/stream"): ANYBODY,  # likewise
        ("GET", "/bulletins"): "see_bulletin",
        ("POST", "/bulletins/signature"): "sign_bulletin",
        ("GET", "/bulletins/issues"): "see_issue",
        ("GET", "/bulletins/issues/{id}"): "see_issue",
        ("GET", "/bulletins/issues/{id}/{form}"): "see_issue",
        ("POST", "/bulletins/issues/{id}/sending"): "send_bulletin",
        ("GET", "/bulletins/{form}"): "see_bulletin",
    }
)


def may(
    principal: Principal, deed: str, record: AnyRecord | None = None, *, jurisdiction: str | None = None
) -> Refusal | None:
    """Why ``principal`` may not do ``deed``, if they may not: on ``record``, else in ``jurisdiction`` if one is meant.

    ``no_party`` and ``other_city`` are of a record that they may not even see: to them it is not there.
    """
    if principal.scope is Scope.READ and deed not in _READ:
        return Refusal("key_reads_only", f"this key is to read: {deed} needs one to act, `duban key add --scope act`")
    cells = TABLE[deed]
    holding = [appointment for appointment in principal.account.appointments if appointment.role in cells]
    if not holding:
        return Refusal("no_role", f"{_who(principal.account)}, and {deed} is for {', '.join(cells)}")
    where = record.jurisdiction if record is not None else jurisdiction
    in_city = [appointment for appointment in holding if _reaches(appointment, cells, where)]
    if not in_city:
        return Refusal("other_city", f"{_who(principal.account)}, and this is of {where}")
    if record is None or _of_party(in_city, cells, parties(record)):
        return None
    units = ", ".join(appointment.unit or appointment.role for appointment in in_city)
    return Refusal("no_party", f"{units}: no party of {record.number}; {deed} is for whoever has it or joins in it")


def may_for(principal: Principal, deed: str, jurisdiction: str, unit: str) -> Refusal | None:
    """Why ``principal`` may not do ``deed`` about ``unit`` of ``jurisdiction``, if they may not."""
    if (why := may(principal, deed, jurisdiction=jurisdiction)) is not None:
        return why
    if _of_party(appointments_for(principal, deed, None, jurisdiction), TABLE[deed], {unit}):
        return None
    return Refusal("other_unit", f"{_who(principal.account)}, and this is of {unit}")


def deeds_of(appointment: Appointment, scope: Scope) -> dict[str, Reach]:
    """What whoever has ``appointment`` may do by it, as far as ``scope`` goes, and on which records."""
    cells = ((deed, TABLE[deed].get(appointment.role)) for deed in DEEDS)
    return {deed: reach for deed, reach in cells if reach is not None and (scope is Scope.ACT or deed in _READ)}


def appointments_for(
    principal: Principal, deed: str, record: AnyRecord | None, jurisdiction: str | None = None
) -> list[Appointment]:
    """The appointments by which ``principal`` may do ``deed``, on ``record`` or else in ``jurisdiction``."""
    cells = TABLE[deed]
    where = record.jurisdiction if record is not None else jurisdiction
    units = None if record is None else parties(record)
    return [
        each
        for each in principal.account.appointments
        if each.role in cells and _reaches(each, cells, where) and (units is None or _of_party([each], cells, units))
    ]


def parties(record: AnyRecord) -> frozenset[str]:
    """The unit of ``record``, and those that join in it: who owes something, does a part, or was referred to."""
    units = {record.holder, *(deadline.owner for deadline in record.deadlines)}
    units |= {filed.unit for filed in record.justifications}
    if isinstance(record, Problem):
        units |= {*record.co_units, *record.referrals, record.sponsor, record.pair}
    return frozenset(unit for unit in units if unit is not None)


def _reaches(appointment: Appointment, cells: _Cells, jurisdiction: str | None) -> bool:
    if cells[appointment.role] is Reach.ALL or appointment.everywhere:
        return True
    return jurisdiction in (None, appointment.jurisdiction)


def _of_party(appointments: Iterable[Appointment], cells: _Cells, units: Collection[str]) -> bool:
    return any(cells[each.role] is not Reach.OWN or each.everywhere or each.unit in units for each in appointments)


def _who(account: Account) -> str:
    return f"{account.name} is {', '.join(map(str, account.appointments)) or 'appointed to nothing'}"
