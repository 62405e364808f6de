-- The read model of the desk: rows made of the events on duban.problems.v1 for what the pages ask. Nothing here is the
-- only copy of anything: `duban desk rebuild` makes it anew.

-- One row: while it is made anew, nobody takes in anything else.
create table desk_state (
    one boolean primary key default true check (one),
    rebuilding boolean not null default false,
    rebuilt_at timestamptz
);
insert into desk_state default values;

-- The newest event that was taken in from each partition.
create table desk_progress (
    partition int primary key,
    newest_at timestamptz not null
);

-- Every record but readings, as it stands. The limit of what is open without one is 9999-01-01, that of what is closed
-- 9999-12-30: so each lamp is a stretch of one index.
create table desk_records (
    id uuid primary key,
    kind text collate "C" not null,
    jurisdiction text collate "C" not null,
    pack text not null,
    number text not null,
    title text not null,
    rule text collate "C" not null,        -- its category, duty, list or reward
    status text collate "C" not null,
    version int not null,                  -- of the newest event that was taken in
    begun_at timestamptz not null,
    changed_at timestamptz not null,
    due_key timestamptz not null,
    unit text collate "C",                 -- who has it in hand
    obligation text,                       -- of the limit that ends soonest, and who owes it
    due_of text,
    closed_at timestamptz,
    parties text[] collate "C" not null,   -- the units to which it is there
    words text not null,                   -- number and title, as they are searched
    grams int[] not null,                  -- the pairs of characters in that
    channel text collate "C",              -- from here on, of problems alone
    area text,
    enterprise text,
    sponsor text collate "C",
    pair text,
    co_units text[] not null,
    flags text[] not null,
    reports int not null,
    lapses int not null,
    latitude double precision,
    longitude double precision,
    plan_due_at timestamptz,
    milestones jsonb not null,             -- [title, until when] of each stage of the plan
    reached int not null
) with (fillfactor = 80);

create index desk_records_by_due on desk_records (jurisdiction, due_key, id) where kind = 'problem';
create index desk_records_by_begin on desk_records (jurisdiction, begun_at, id) where kind = 'problem';
create index desk_records_of_unit on desk_records (jurisdiction, unit, due_key, id) where kind = 'problem';
create index desk_records_of_unit_by_begin on desk_records (jurisdiction, unit, begun_at, id) where kind = 'problem';
create index desk_records_of_rule on desk_records (jurisdiction, rule, due_key, id) where kind = 'problem';
create index desk_records_of_rule_by_begin on desk_records (jurisdiction, rule, begun_at, id) where kind = 'problem';
create index desk_records_of_sponsor on desk_records (jurisdiction, sponsor, due_key, id)
    where kind = 'problem' and sponsor is not null;
create index desk_records_by_close on desk_records (jurisdiction, closed_at) include (lapses)
    where kind = 'problem' and closed_at is not null;
create index desk_records_by_place on desk_records (jurisdiction, latitude, longitude)
    where kind = 'problem' and closed_at is null and latitude is not null;
create index desk_records_by_words on desk_records using gin (grams) where kind = 'problem';
create index desk_records_by_party on desk_records using gin (parties) where kind = 'problem' and closed_at is null;

-- What an open record is to each unit that has a stake in it.
create table desk_stakes (
    record_id uuid not null,
    unit text collate "C" not null,
    jurisdiction text collate "C" not null,
    kind text collate "C" not null,
    stake text collate "C" not null,
    due_key timestamptz not null,          -- of what this unit owes soonest
    obligation text,
    measure text not null,                 -- what follows then
    next_at timestamptz,
    finished boolean not null,
    primary key (record_id, unit)
) with (fillfactor = 80);
create index desk_stakes_of_unit on desk_stakes (jurisdiction, unit, due_key, record_id);

-- What waits for a person.
create table desk_waits (
    record_id uuid not null,
    wait text collate "C" not null,
    item text collate "C" not null,
    jurisdiction text collate "C" not null,
    kind text collate "C" not null,
    units text[] collate "C" not null,     -- that may answer it
    since_at timestamptz not null,
    due_key timestamptz not null,
    primary key (record_id, wait, item)
) with (fillfactor = 80);
create index desk_waits_by_due on desk_waits (jurisdiction, due_key, since_at, record_id, wait, item);
create index desk_waits_of_sort on desk_waits (jurisdiction, wait, due_key, since_at, record_id, item);

-- The measures that units were told.
create table desk_calls (
    record_id uuid not null,
    version int not null,
    unit text collate "C" not null,
    jurisdiction text collate "C" not null,
    measure text not null,
    ground text not null,
    owner text,
    at timestamptz not null,
    primary key (record_id, version, unit)
);
create index desk_calls_of_unit on desk_calls (jurisdiction, unit, at, record_id, version);

-- How long a problem lay in the hands of each lead unit; lengths are in working seconds.
create table desk_turns (
    record_id uuid not null,
    version int not null,                  -- of the event that gave it to the unit
    jurisdiction text collate "C" not null,
    unit text collate "C" not null,
    given_at timestamptz not null,
    held_from timestamptz,
    held double precision not null,
    answered_at timestamptz,
    answer double precision,
    answer_in_all double precision,
    completed_at timestamptz,
    whole double precision,
    whole_in_all double precision,
    left_at timestamptz,
    closed_at timestamptz,
    lapses int not null,
    primary key (record_id, version)
) with (fillfactor = 80);
create index desk_turns_by_begin on desk_turns (jurisdiction, given_at) include (unit, record_id);
create index desk_turns_by_answer on desk_turns (jurisdiction, answered_at) include (unit, answer, answer_in_all)
    where answered_at is not null;
create index desk_turns_by_completion on desk_turns (jurisdiction, completed_at) include (unit, whole, whole_in_all)
    where completed_at is not null;
create index desk_turns_by_close on desk_turns (jurisdiction, closed_at) include (unit, lapses, record_id)
    where closed_at is not null;

-- How many more, or fewer, stand under a lamp from a midnight on; the unit is empty for all of them.
create table desk_days (
    jurisdiction text collate "C" not null,
    unit text collate "C" not null,
    lamp text collate "C" not null,
    midnight timestamptz not null,
    change int not null,
    primary key (jurisdiction, unit, midnight, lamp)
) with (fillfactor = 80);
