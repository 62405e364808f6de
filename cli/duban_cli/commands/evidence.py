"""``duban evidence``: the files that the ledger speaks of by their SHA-256."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.struct import plain
from duban_cli.connection import asking, evidence_settings, report_keys, settings
from duban_cli.files import taken
from duban_cli.output import AsJson, ExitCode, InUtc, command, err, fail, out, shown_at, write_json
from duban_console.action import InvalidAction

if TYPE_CHECKING:
    from duban.io.evidence.desk import EvidenceDesk

evidence_app = typer.Typer(
    no_args_is_help=True, help="Evidence (固化证据): files, sealed by their SHA-256, and the store that they lie in."
)

Hash = Annotated[str, typer.Argument(help="The SHA-256 of the file, or its URI in the ledger: evidence:….")]


@evidence_app.command("put")
@command
async def put(
    files: Annotated[list[Path], typer.Argument(help="Files.", exists=True, dir_okay=False, readable=True)],
    as_json: AsJson = False,
) -> None:
    """Put files into the store, and say what a report or an action names each by; ends with 4 when one is refused.

    Example: duban evidence put photo.jpg --json
    """
    desk, refused = _desk(), 0
    for file in files:
        try:
            inside = taken(desk, file)
        except InvalidAction as error:
            refused += 1
            if as_json:
                write_json({"file": str(file), "code": error.code, "reason": error.message})
            else:
                err().print(f"[red]✗[/] {escape(str(error))}")
            continue
        if as_json:
            write_json({"file": str(file), **plain(inside.evidence), "size": inside.size, "type": inside.type,
                        "held": inside.held, "unpublished": inside.unpublished})  # fmt: skip
            continue
        out().print(escape(f"{inside.evidence.sha256} {inside.type} {inside.size} bytes {file}"))
        if (doubt := inside.held or inside.unpublished) is not None:
            err().print(f"[yellow]![/] {escape(f'{file}: {doubt}')}")
    if refused:
        raise typer.Exit(ExitCode.CONFLICT)


@evidence_app.command("get")
@command
async def get(
    hash_: Hash,
    to: Annotated[str, typer.Option("--to", help="The file to write; - is stdout.")] = "-",
) -> None:
    """The original, byte for byte, checked against its SHA-256; what is infected or waits for a scanner is not given.

    Example: duban evidence get 6f0c41… --to photo.jpg
    """
    from duban.io.evidence.store import Room

    seal, desk = _hash(hash_), _desk()
    pieces = desk.store.read(Room.ORIGINALS, seal)
    if (why_not := desk.why_not(seal)) is not None or pieces is None:
        fail(ExitCode.NOT_FOUND, f"{seal}: {why_not}")
    pieces = await _opened(seal, pieces)
    # Whole and compared before anything of it is given out.
    if to == "-":
        with TemporaryFile() as whole:
            _give(pieces, seal, whole)
            whole.seek(0)
            copyfileobj(whole, sys.stdout.buffer)
    else:
        _write(pieces, seal, Path(to))


async def _opened(seal: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a file, where it lies sealed those within; ends the command when nobody can open it here."""
    from duban.errors import Fault
    from duban.io.evidence.sealed_file import is_sealed, peeked
    from duban_console.sealed_evidence import EvidenceOpener

    first, whole = peeked(pieces)
    if not is_sealed(first):
        return whole
    async with asking(settings()) as ledger:
        try:
            return (await EvidenceOpener(ledger, report_keys()).bytes_of(seal, whole))[0]
        except Fault as fault:
            fail(ExitCode.NOT_FOUND, f"{seal}: {fault}")


def _give(pieces: Iterable[bytes], seal: str, to: IO[bytes]) -> None:
    """Write ``pieces``, whose SHA-256 is to be ``seal``; ends the command when it is another."""
    digest = sha256()
    for piece in pieces:
        to.write(piece)
        digest.update(piece)
    if digest.hexdigest() != seal:
        fail(ExitCode.FAILURE, f"{seal}: was changed in the store; its bytes have the SHA-256 {digest.hexdigest()}")


def _write(pieces: Iterable[bytes], seal: str, file: Path) -> None:
    """Have ``file`` hold ``pieces``: whole, or not at all."""
    arriving = file.with_name(f".{file.name}.{seal[:12]}")
    try:
        with arriving.open("wb") as whole:
            _give(pieces, seal, whole)
        arriving.replace(file)
    except OSError as error:
        fail(ExitCode.USAGE, f"--to: {file} cannot be written: {error.strerror}")
    finally:
        arriving.unlink(missing_ok=True)


@evidence_app.command("ls")
@command
async def ls(
    room: Annotated[str, typer.Option(help="One of: originals, published, held, infected.")] = "originals",
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """What lies in the store, in the order of the hashes.

    Example: duban evidence ls --room held
    """
    from duban.io.evidence.store import Room

    if room not in tuple(Room):
        fail(ExitCode.USAGE, f"--room: {room} is none; there are {', '.join(Room)}")
    table, count, size = Table("SHA-256", "bytes", "since", box=None, pad_edge=False, header_style="dim"), 0, 0
    for stored in _desk().store.all(Room(room)):
        count, size = count + 1, size + stored.size
        if as_json:
            write_json({"sha256": stored.sha256, "room": room, "size": stored.size, "at": stored.at.isoformat()})
        else:
            zone = None if utc else stored.at.astimezone().tzinfo
            table.add_row(stored.sha256, str(stored.size), shown_at(stored.at, zone))
    if count and not as_json:
        out().print(table)
    err().print(f"{count} files, {size} bytes")


@evidence_app.command("scan")
@command
async def scan(
    everything: Annotated[bool, typer.Option("--all", help="Also what was found good before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the scanner look at what is held for it; ends with 1 when it finds something, with 5 when it is away.

    What it finds infected is kept apart and given to nobody; what is good is given out from then on.

    Example: duban evidence scan --all
    """
    from duban.io.evidence.store import Room

    desk, looked, infected = _desk(), 0, 0
    if desk.scanner is None:
        fail(ExitCode.USAGE, "no scanner is known: set DUBAN_EVIDENCE_SCANNER")
    for room in (Room.HELD, Room.ORIGINALS) if everything else (Room.HELD,):
        for stored in list(desk.store.all(room)):
            looked += 1
            infection = desk.look_again(stored)
            if infection is None:
                continue
            infected += 1
            if as_json:
                write_json({"sha256": stored.sha256, "was": room, "found": infection})
            else:
                out().print(escape(f"{stored.sha256}, which was in {room}, is infected: {infection}"))
    if infected:
        fail(ExitCode.FAILURE, f"{infected} infected of {looked} files")
    err().print(f"{looked} files, nothing found")


@evidence_app.command("verify")
@command
async def verify(as_json: AsJson = False) -> None:
    """Compare every hash that the ledger names with the bytes in the store; ends with 1 when one is missing or changed.

    Evidence whose URI lies elsewhere is counted, and looked at where the store has it all the same.

    Example: duban evidence verify --json
    """
    from duban_console.evidence_audit import EvidenceAudit, keys_of_files, named_evidence
    from duban_console.ledger_verification import reading

    lacks = 0
    async with reading(settings()) as connection:
        audit = EvidenceAudit(_desk().store, await keys_of_files(connection), report_keys())
        async with aclosing(named_evidence(connection)) as named:  # type: ignore[type-var]
            async for piece in named:
                lack = audit.lack(piece)
                if lack is None:
                    continue
                lacks += 1
                if as_json:
                    write_json({"record": str(piece.record), "version": piece.version, "sha256": piece.sha256,
                                "uri": piece.uri, "what": lack.what})  # fmt: skip
                else:
                    out().print(escape(str(lack)))
    looked = f"{audit.good} files as sealed ({audit.held} wait for a scanner), {audit.elsewhere} kept elsewhere"
    looked += f", {audit.erased} erased" if audit.erased else ""
    looked += f", {audit.sealed} not compared, for DUBAN_REPORT_KEY names no key" if audit.sealed else ""
    if lacks:
        fail(ExitCode.FAILURE, f"{lacks} findings; {looked}")
    err().print(f"the store has what the ledger names: {looked}")


def _desk() -> EvidenceDesk:
    """The desk of the store that the environment names, or of the engine that runs here; ends the command without."""
    from duban.io.evidence.reception import desk_of

    desk = desk_of(evidence_settings())
    if desk is None:
        fail(ExitCode.USAGE, "no evidence store is known: set DUBAN_EVIDENCE to its folder, or start `duban up` here")
    return desk


def _hash(written: str) -> str:
    from duban.io.evidence.store import is_sha256
    from duban.messages.report import STORE_SCHEME

    seal = written.removeprefix(STORE_SCHEME).lower()
    if not is_sha256(seal):
        fail(ExitCode.USAGE, f"{written} is no SHA-256: 64 hexadecimal digits")
    return seal
