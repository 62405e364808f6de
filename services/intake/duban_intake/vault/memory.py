"""The vault's store in memory, for tests; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban_intake.memory import MemoryStore
from duban_intake.report_seal import ReportKey, ReportTerms, Why
from duban_intake.vault.chain import Line, following
from duban_intake.vault.custody import Act
from duban_intake.vault.desk import Erasure, ErasureRequest, Held, OverdueReport, PersonalClass


class MemoryVault:
    """Rows and log in memory, beside the receipts of ``intake``."""

    def __init__(self, intake: MemoryStore | None = None) -> None:
        self.intake = intake or MemoryStore()
        self.rows: dict[UUID, Held] = {}
        self.lines: list[Line] = []
        self.asked: dict[UUID, ErasureRequest] = {}
        self._turn = asyncio.Lock()

    async def keep(self, held: Held) -> Held:
        return self.rows.setdefault(held.key, held)

    async def log(self) -> list[Line]:
        return list(self.lines)

    async def requests(self) -> list[ErasureRequest]:
        return list(self.asked.values())

    async def due(self, at: datetime, after: UUID, limit: int) -> list[OverdueReport]:
        over = []
        for key in sorted(key for key in self.intake.terms if key > after):
            terms, report = self.intake.terms[key], self.intake.keys[key]
            until = {name: getattr(terms, name) for name in PersonalClass}
            if classes := tuple(name for name, end in until.items() if end is not None and end <= at):
                over.append(OverdueReport(report.source, report.id, classes))
        return over[:limit]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[MemorySession]:
        async with self._turn:
            session = MemorySession(self.intake, dict(self.rows), list(self.lines))
            yield session
            self.rows |= {key: session.rows[key] for key in session.forgotten}
            self.intake.keys |= session.erased
            self.asked = {key: request for key, request in self.asked.items() if key not in session.requested}
            self.intake.terms |= session.settled
            self.intake.speaking -= session.unspoken
            still = {sha256 for _, sha256 in self.intake.speaking}
            self.intake.files |= {sha256: None for _, sha256 in session.unspoken if sha256 not in still}
            for key in session.erased:
                if (receipt := self.intake.receipts.get(key)) is not None:
                    self.intake.receipts[key] = replace(receipt, digest=os.urandom(32))
            self.lines = session.lines


class MemorySession:
    """A copy that takes the place of what was there when the session ends well."""

    def __init__(self, intake: MemoryStore, rows: dict[UUID, Held], lines: list[Line]) -> None:
        self._intake = intake
        self.rows = rows
        self.lines = lines
        self.forgotten: set[UUID] = set()
        self.erased: dict[UUID, ReportKey] = {}
        self.requested: set[UUID] = set()
        self.unspoken: set[tuple[UUID, str]] = set()
        self.settled: dict[UUID, ReportTerms] = {}

    async def held(self, key: UUID) -> Held | None:
        return self.rows.get(key)

    async def accepted(self, key: UUID) -> bytes | None:
        receipt = await self._intake.receipt(key)
        return receipt.digest if receipt else None

    async def history(self, ask: UUID) -> list[Act]:
        return [act for line in self.lines if (act := line.act).ask == ask]

    async def append(self, act: Act) -> Line:
        line = following(self.lines[-1] if self.lines else None, act)
        self.lines.append(line)
        return line

    async def forget(self, key: UUID, at: datetime) -> None:
        self.rows[key] = replace(self.rows[key], sealed=None, forgotten_at=at)
        self.forgotten.add(key)

    async def erase(self, key: UUID, at: datetime, why: Why, classes: Collection[PersonalClass]) -> Erasure:
        done = []
        held, report = self.rows.get(key), self._intake.keys.get(key)
        if PersonalClass.CONTACT in classes and held is not None and held.sealed is not None:
            await self.forget(key, at)
            done.append(PersonalClass.CONTACT)
        if PersonalClass.CONTENT in classes and report is not None and report.wrapped is not None:
            self.erased[key] = replace(report, wrapped=None, erased_at=at, why=why)
            done.append(PersonalClass.CONTENT)
            if key in self.rows:
                bound = replace(self.rows[key].bound, digest=os.urandom(32))
                self.rows[key] = replace(self.rows[key], bound=bound)
                self.forgotten.add(key)
        files = []
        if PersonalClass.EVIDENCE in classes:
            spoken = {sha256 for by, sha256 in self._intake.speaking if by == key}
            others = {sha256 for by, sha256 in self._intake.speaking - self.unspoken if by != key}
            self.unspoken |= {(key, sha256) for sha256 in spoken}
            files = sorted(spoken - others)
            done += [PersonalClass.EVIDENCE] if files else []
        if key in self._intake.terms:
            over: dict[str, None] = dict.fromkeys(classes)
            terms = self._intake.terms[key]
            left = {name: None for name in PersonalClass if name in over}
            self.settled[key] = replace(terms, **left)
        if why is Why.REQUEST:
            self.requested.add(key)
        return Erasure(tuple(done), tuple(files))
