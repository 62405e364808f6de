-- Views of the ledger that people have saved: what they are called, and what they ask for. Whoever is turned off has none.
create table saved_views (
    account text not null references accounts on delete cascade,
    jurisdiction text collate "C" not null,
    name text not null,
    query text not null,                -- as in the address of the page, without the city
    saved_at timestamptz not null,
    primary key (account, jurisdiction, name)
);
