-- The ledger (台账). Only the router writes it; events are inserted and never changed.

create table events (
    problem_id uuid not null,
    version int not null,
    at timestamptz not null,
    kind text not null,
    body text not null,      -- the very bytes that the hash covers
    previous text not null,
    hash text not null,
    primary key (problem_id, version)
);

-- What came of each command, so that a command that comes again changes nothing and is answered the same.
create table outcomes (
    key uuid primary key,    -- derived from the command's source and id
    command text not null,
    problem_id uuid not null,
    first_version int not null,
    last_version int not null,
    refused text             -- the refusal as published; null when the command was carried out
);

create table problems (
    id uuid primary key,
    version int not null,
    jurisdiction text not null,
    number text not null,
    registered_at timestamptz not null,
    stage text not null,
    status text not null,
    category text not null,
    lead_unit text,
    due_at timestamptz,      -- the soonest deadline
    lapses int not null,
    head text not null,      -- the hash of the latest event
    state text not null,
    unique (jurisdiction, number)
) with (fillfactor = 70);

-- Pages of the list go along this index; its columns never change, so updates stay off it.
create index problems_by_time on problems (jurisdiction, registered_at, id);

create table registers (
    jurisdiction text not null,
    year int not null,
    last int not null,
    primary key (jurisdiction, year)
);

-- What others may read.
create view published_problems as
    select id, version, jurisdiction, number, registered_at, stage, status, category, lead_unit, due_at, lapses, head, state
    from problems;
create view published_events as select problem_id, version, at, kind, body, previous, hash from events;
create view published_outcomes as select key, command, problem_id, first_version, last_version, refused from outcomes;
