-- Every report gets one receipt, whatever becomes of it.
create table receipts (
    key uuid primary key,          -- derived from source and id: the id of the problem that the report opens
    source text not null,
    id text not null,
    digest bytea not null,         -- SHA-256 of the body: the same id with another body is refused
    received_at timestamptz not null,
    outcome text not null check (outcome in ('accepted', 'attached', 'refused')),
    problem_id uuid,               -- null exactly when intake itself refused the report
    code text,
    reason text
) with (fillfactor = 90);

-- A report under an id that another one has taken: the receipt above stands, the refusal is kept here.
create table refusals (
    key uuid not null,
    digest bytea not null,
    refused_at timestamptz not null,
    code text not null,
    reason text not null,
    primary key (key, digest)
);

-- Where the open problems lie that a report may repeat.
create table places (
    problem_id uuid primary key,
    jurisdiction text not null,
    category text not null,
    latitude double precision not null,
    longitude double precision not null,
    cell bigint not null,          -- see duban_intake.nearness; several cells may share a number
    latest_at timestamptz not null -- of the latest report filed under the problem
);

create index places_by_cell on places (cell, latest_at);
