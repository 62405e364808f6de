-- Who reported: sealed, apart from the report, read by nobody but the gateway, and only after two custodians agreed.
create table vault_contacts (
    key uuid primary key,          -- derived from source and id, as in receipts
    source text not null,
    id text not null,
    jurisdiction text not null,
    digest bytea not null,         -- of the report that the contact came with; a receipt for another one is no match
    kept_at timestamptz not null,
    key_id text,                   -- which master key wraps the data key
    fingerprint bytea,             -- keyed: whether the same contact came again, without opening this one
    wrapped bytea,                 -- the data key under the master key
    sealed bytea,                  -- the contact under the data key
    forgotten_at timestamptz,
    check (num_nulls(key_id, fingerprint, wrapped, sealed) = case when forgotten_at is null then 0 else 4 end)
);

-- Every ask, approval, refusal, opening and forgetting: inserted, chained by hash, never changed.
create table vault_log (
    number bigint primary key check (number > 0),
    body text not null,            -- the very bytes that the hash covers
    previous text not null,
    hash text not null
);

create index vault_log_by_ask on vault_log ((body::jsonb ->> 'ask'));

create function vault_stands() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: what stands there stands for ever', tg_op, tg_table_name;
end
$$;

create trigger log_stands before update or delete on vault_log for each row execute function vault_stands();
create trigger log_stands_whole before truncate on vault_log for each statement execute function vault_stands();

-- A contact is forgotten, never removed: a row that is gone could be filled again.
create trigger contacts_stand before delete on vault_contacts for each row execute function vault_stands();
create trigger contacts_stand_whole before truncate on vault_contacts for each statement execute function vault_stands();
create trigger forgotten_stays before update on vault_contacts for each row
    when (old.forgotten_at is not null) execute function vault_stands();
