"""``duban vault``: who reported, opened by two custodians together; every step stands in the vault's log.

Who acts is who is signed in (``duban login``), or signs in for this once (``--as``): two custodians are two accounts.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from duban.errors import Unavailable
from duban_cli.anchor_options import Against, PublicKey, anchored, tell_verified, trusted
from duban_cli.connection import engine_folder, settings
from duban_cli.engine_note import note_of
from duban_cli.identity import Credential, Server, checked_url, client_of, credential
from duban_cli.output import AsJson, InUtc, command, err, out, shown_at, write_json
from duban_cli.session import session_of
from duban_cli.zones import common_zone, zones

VAULT_VARIABLE: Final = "DUBAN_VAULT"
#: The longest reason that the vault takes.
_MOST_OF_REASON: Final = 2000

vault_app = typer.Typer(
    no_args_is_help=True,
    help="The vault: who reported, opened by two custodians together, each signed in as themselves.",
)

Source = Annotated[str, typer.Argument(help="The source of the report.")]
Id = Annotated[str, typer.Argument(help="The id of the report at its source.")]
Ask = Annotated[str, typer.Argument(help="The ask, as `duban vault ask` and `duban vault log` name it.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="The custodian who acts: asks for their password, else stdin, and signs them out again; "
        "else who is signed in.",
    ),
]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log for ever, so name nobody in it.")]
Vault = Annotated[
    str | None,
    typer.Option(envvar=VAULT_VARIABLE, help="The vault's URL; else that of the engine that runs here."),
]


@vault_app.command("ask")
@command
async def ask(
    source: Source, id_: Id, reason: Reason, as_: As = None, vault: Vault = None, as_json: AsJson = False
) -> None:
    """Ask to open the contact of a report; another custodian has to approve.

    Example: duban vault ask hotline 2026-000123 --reason "the reward is to be paid" --as li
    """
    line = await _post(vault, as_, "asks", source=source, id=id_, reason=reason)
    _tell(
        line, f"asked as {line['ask']}; another custodian approves it with `duban vault approve {line['ask']}`", as_json
    )


@vault_app.command("approve")
@command
async def approve(ask: Ask, as_: As = None, vault: Vault = None, as_json: AsJson = False) -> None:
    """Agree to an ask; never who asked.

    Example: duban vault approve 6f1b0a5e-0d7e-4c1b-9a37-2f6d7562616e --as wang
    """
    line = await _post(vault, as_, f"asks/{quote(ask, safe='')}/approval")
    _tell(line, f"approved by {line['by']}; who asked may open it once", as_json)


@vault_app.command("refuse")
@command
async def refuse(ask: Ask, reason: Reason, as_: As = None, vault: Vault = None, as_json: AsJson = False) -> None:
    """End an ask, even an approved one, before it is opened.

    Example: duban vault refuse 6f1b0a5e-0d7e-4c1b-9a37-2f6d7562616e --reason "no ground is given" --as wang
    """
    line = await _post(vault, as_, f"asks/{quote(ask, safe='')}/refusal", reason=reason)
    _tell(line, f"refused by {line['by']}", as_json)


@vault_app.command("open")
@command
async def open_(ask: Ask, as_: As = None, vault: Vault = None, as_json: AsJson = False) -> None:
    """The contact, once, to who asked, while the approval holds.

    Example: duban vault open 6f1b0a5e-0d7e-4c1b-9a37-2f6d7562616e --as li
    """
    opening = await _post(vault, as_, f"asks/{quote(ask, safe='')}/opening")
    if as_json:
        write_json(opening)
        return
    for name, held in opening["contact"].items():
        out().print(f"{name}: {escape(held)}")
    logged = opening["logged"]
    err().print(f"opened for {escape(logged['by'])}, line {logged['number']} of the log; not a second time")


@vault_app.command("log")
@command
async def log(as_: As = None, vault: Vault = None, utc: InUtc = False, as_json: AsJson = False) -> None:
    """Who asked, approved, refused, opened and forgot what, in order.

    A line names no city: it is shown in the time that every city of the engine keeps, or in UTC where they differ.

    Example: duban vault log --json
    """
    async with _vault(vault, as_) as server:
        lines = (await server.asked("GET", "/v1/vault/log")).document["lines"]
    zone = await _zone(utc=utc or as_json or not lines)
    table = Table("no.", "at", "act", "by", "report", "ask", "reason", box=None, pad_edge=False, header_style="dim")
    for line in lines:
        if as_json:
            write_json(line)
            continue
        cells = (
            shown_at(datetime.fromisoformat(line["at"]), zone, "seconds"),
            line["kind"],
            line["by"],
            f"{line['source']} {line['id']}",
            line["ask"] or "–",
            line["reason"],
        )
        table.add_row(str(line["number"]), *map(escape, cells))
    if lines and not as_json:
        out().print(table)
    err().print(f"{len(lines)} lines")


@vault_app.command("verify")
@command
async def verify(
    head: Annotated[list[str] | None, typer.Option(help="A head noted earlier; repeatable.")] = None,
    against: Against = None,
    public_key: PublicKey = None,
    as_: As = None,
    vault: Vault = None,
    as_json: AsJson = False,
) -> None:
    """Whether the log is the one that was written, and every step in it legal; ends with 1 if not.

    Compares it with the anchors on the topic, where a broker is known, and with those that an auditor kept: only so
    does a log show that was cut off or written anew as a whole. With a public key every anchor must bear its signature.

    Example: duban vault verify --against anchors-2026-11-29.jsonl --public-key anchors.pub
    """
    from duban.messages.anchors import Anchored
    from duban_console.anchor_audit import log_differences

    keys = trusted(public_key)
    of_anchors, anchors = await anchored(Anchored.VAULT, against, keys)
    findings = list(of_anchors.findings(keys=bool(keys)))
    async with _vault(vault, as_) as server:
        audit = (await server.asked("GET", "/v1/vault/verification", params={"head": head or []})).document
        lines = (await server.asked("GET", "/v1/vault/log")).document["lines"] if anchors else []
    findings += log_differences({line["number"]: line["hash"] for line in lines}, anchors)
    if keys and audit["lines"] and (nothing := of_anchors.nothing()) is not None:
        findings.append(nothing)
    tell_verified(audit, findings, len(anchors), as_json=as_json)


@vault_app.command("forget")
@command
async def forget(
    source: Source, id_: Id, reason: Reason, as_: As = None, vault: Vault = None, as_json: AsJson = False
) -> None:
    """Destroy the data key of a report's contact, for ever; the log stays.

    Example: duban vault forget hotline 2026-000123 --reason "the reporter asks for it" --as li
    """
    line = await _post(vault, as_, "forgotten", source=source, id=id_, reason=reason)
    _tell(line, f"the contact for {line['id']} of {line['source']} is destroyed", as_json)


@vault_app.command("erase")
@command
async def erase(
    source: Source, id_: Id, reason: Reason, as_: As = None, vault: Vault = None, as_json: AsJson = False
) -> None:
    """Destroy every key of a report, for ever: its contact, what is sealed of what it says, and its files.

    What its pack does not have sealed stays in the ledger: place, category, dates; the log says who did it and why.

    Example: duban vault erase hotline 2026-000123 --reason "the reporter asks for it" --as li
    """
    erasure = await _post(vault, as_, "erasures", source=source, id=id_, reason=reason)
    if as_json:
        write_json(erasure)
        return
    line, classes = erasure["logged"], ", ".join(erasure["classes"])
    _tell(line, f"the keys of {line['id']} of {line['source']} are destroyed: {classes}", as_json=False)
    if "content" not in erasure["classes"]:
        err().print("what the report says has no key: its pack has nothing of it sealed, and the ledger keeps it")


@vault_app.command("requests")
@command
async def requests(as_: As = None, vault: Vault = None, utc: InUtc = False, as_json: AsJson = False) -> None:
    """What reporters ask to have erased, by the code of their receipts, the oldest first; `duban vault erase` does it.

    Example: duban vault requests --json
    """
    async with _vault(vault, as_) as server:
        pending = (await server.asked("GET", "/v1/vault/requests")).document["requests"]
    zone = await _zone(utc=utc or as_json or not pending)
    for request in pending:
        if as_json:
            write_json(request)
            continue
        at = shown_at(datetime.fromisoformat(request["asked_at"]), zone, "seconds")
        out().print(escape(f"{at}  {request['source']} {request['id']}"))
    err().print(f"{len(pending)} requests")


@vault_app.command("reapply")
@command
async def reapply(
    log: Annotated[Path, typer.Argument(help="The log as `duban vault log --json` wrote it.", exists=True)],
    as_: As = None,
    vault: Vault = None,
) -> None:
    """After a backup was restored: erase again what the log, kept outside of it, says was erased or forgotten.

    Example: duban vault reapply vault-log-2026-11-29.jsonl --as li
    """
    from duban.messages.commands import ENGINE

    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.strip()]
    done = gone = 0
    async with _vault(vault, as_) as server:
        for line in lines:
            if line.get("kind") not in ("erased", "forgotten") or line.get("by") == ENGINE:
                continue  # what the vault does by itself, it does again by itself
            path = "erasures" if line["kind"] == "erased" else "forgotten"
            reason = f"a backup was restored; line {line['number']} of the log: {line['reason']}"
            fields = {"source": line["source"], "id": line["id"], "reason": reason[:_MOST_OF_REASON]}
            answer = await server.asked("POST", f"/v1/vault/{path}", json=fields, also=(404, 410))
            if answer.status in (404, 410):
                gone += 1
            else:
                done += 1
    err().print(f"{done} erased again, {gone} were gone")


def _tell(line: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        write_json(line)
    else:
        out().print(f"[green]✓[/] {escape(words)}")


async def _zone(*, utc: bool) -> tzinfo | None:
    """The zone of every city; None where they differ, are not wanted, or where no broker is known to ask."""
    if utc:
        return None
    try:
        known = settings()
    except Unavailable:
        return None
    return common_zone(await zones(known, utc=False))


async def _post(vault: str | None, name: str | None, path: str, **fields: str) -> dict[str, Any]:
    async with _vault(vault, name) as server:
        document: dict[str, Any] = (await server.asked("POST", f"/v1/vault/{path}", json=fields)).document
    return document


@asynccontextmanager
async def _vault(url: str | None, name: str | None) -> AsyncIterator[Server]:
    """The vault, for ``name``, who signs in for as long as it takes; else for who is signed in."""
    address = checked_url(url) if url else _vault_here()
    async with _who(name) as who, client_of(address, who, "the vault") as server:
        yield server


@asynccontextmanager
async def _who(name: str | None) -> AsyncIterator[Credential]:
    if name is None:
        yield credential()
        return
    async with session_of(name) as who:
        yield who


def _vault_here() -> str:
    """The vault of the engine that runs here.

    Raises:
        Unavailable: none does.
    """
    urls = note_of(engine_folder()).get("urls", {})
    noted = urls.get("vault") if isinstance(urls, dict) else None
    if noted is None:
        raise Unavailable(f"no vault runs here: start an engine with `duban up`, or set {VAULT_VARIABLE} to its URL")
    return str(noted)
