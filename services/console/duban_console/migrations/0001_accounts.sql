-- Who may sign in: people, and systems. A name is never given to somebody else, so a row stays.
create table accounts (
    name text primary key,              -- folded: capitals and width make no other person
    full_name text not null,
    is_system boolean not null,
    appointments jsonb not null,        -- which roles, for which unit of which city
    password text,                      -- argon2id, as PHC text; null: nobody can sign in by it
    is_initial boolean not null,        -- somebody else knows the password: it is changed at the first sign-in
    factor jsonb,                       -- the second factor: secret, last step that was used, hashes of recovery codes
    failures int not null,              -- since the last sign-in that went well
    barred_until timestamptz,           -- until when no password is looked at
    made_at timestamptz not null,
    off_at timestamptz,
    check (not (is_system and password is not null))
);

-- Who is signed in: the hash of what they show, never the token itself. A session that has ended has no row.
create table sessions (
    id uuid primary key,
    account text not null references accounts,
    hash text not null unique,
    address text not null,
    agent text not null,
    begun_at timestamptz not null,
    seen_at timestamptz not null
);
create index sessions_by_account on sessions (account);

-- The keys of systems, likewise.
create table keys (
    hash text primary key,
    account text not null references accounts,
    scope text not null,
    made_at timestamptz not null,
    ends_at timestamptz not null,
    used_at timestamptz
);
create index keys_by_account on keys (account);

-- Every sign-in, refusal and change: inserted, chained by hash, never changed.
create table account_log (
    number bigint primary key check (number > 0),
    body text not null,                 -- the very bytes that the hash covers
    previous text not null,
    hash text not null
);

create function account_log_stands() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: what stands there stands for ever', tg_op, tg_table_name;
end
$$;

create trigger log_stands before update or delete on account_log for each row execute function account_log_stands();
create trigger log_stands_whole before truncate on account_log
    for each statement execute function account_log_stands();
