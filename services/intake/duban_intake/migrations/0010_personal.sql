-- What of a report is personal, where its pack says that it is sealed: under which key, since when its problem is closed,
-- and until when what is kept. The key of a report is destroyed, never removed: a row that is gone could be filled again.
create table report_keys (
    key uuid primary key,          -- of the report, as in receipts
    source text not null,
    id text not null,
    problem_id uuid not null,
    fields text[] not null,        -- that are sealed
    kept_at timestamptz not null,
    key_id text,                   -- which master key wraps the report's
    wrapped bytea,                 -- the report's key under the master key
    erased_at timestamptz,
    why text check (why in ('request', 'term')),
    content_until timestamptz,        -- once the problem is closed: until when each is kept; null: without end
    contact_until timestamptz,
    evidence_until timestamptz,
    check (num_nulls(key_id, wrapped) = case when erased_at is null then 0 else 2 end),
    check ((why is null) = (erased_at is null))
);

create index report_keys_by_problem on report_keys (problem_id);
create index report_keys_due on report_keys (key)
    where contact_until is not null or content_until is not null or evidence_until is not null;

create trigger keys_stand before delete on report_keys for each row execute function vault_stands();
create trigger keys_stand_whole before truncate on report_keys for each statement execute function vault_stands();
create trigger erased_stays before update on report_keys for each row
    when (old.erased_at is not null and new.erased_at is distinct from old.erased_at) execute function vault_stands();

-- The files that a report speaks of, where those are sealed too, each under a key of its own. One that several reports speak of
-- is destroyed with the last of them.
create table report_files (
    key uuid not null,             -- of the report
    sha256 text not null,
    primary key (key, sha256)
);
create index report_files_by_hash on report_files (sha256);
create table file_keys (
    sha256 text primary key,
    key_id text,
    wrapped bytea,
    sealed_at timestamptz,         -- since when the store has it under its key
    erased_at timestamptz,
    removed_at timestamptz,        -- since when the store has nothing of it
    check (num_nulls(key_id, wrapped) = case when erased_at is null then 0 else 2 end)
);
create index file_keys_unsettled on file_keys (sha256) where sealed_at is null or (erased_at is not null and removed_at is null);
create trigger files_stand before delete on file_keys for each row execute function vault_stands();
create trigger files_stand_whole before truncate on file_keys for each statement execute function vault_stands();
create view published_file_keys as select sha256, key_id, wrapped, sealed_at, erased_at from file_keys;

-- What reporters have asked for at the gateway, by the code of their receipt, until a custodian has seen to it.
create table erasure_requests (
    key uuid primary key,          -- of the report
    source text not null,
    id text not null,
    asked_at timestamptz not null
);

-- For whoever shows reports, with the master key from a file: what is sealed opens by this, or was erased.
create view published_report_keys as select key, key_id, wrapped, erased_at, why from report_keys;

-- By what a reporter was known when the report came: who shows the code of that handle is told what is kept of it.
alter table receipts add column handle text;

-- An erased report leaves no hash behind by which its text could be tried out, nor does a contact that was forgotten before.
drop trigger forgotten_stays on vault_contacts;
create trigger forgotten_stays before update on vault_contacts for each row
    when (old.forgotten_at is not null and (old.forgotten_at, old.key) is distinct from (new.forgotten_at, new.key))
    execute function vault_stands();
