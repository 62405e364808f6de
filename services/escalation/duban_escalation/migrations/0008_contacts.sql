-- What is for a contact that wants to be told later waits until then, and goes out with what else waited for the same
-- way; `outcome` is `digested` then. So few are held that an index of their own costs the others nothing.
alter table deliveries add column held_until timestamptz;
create index deliveries_held on deliveries (partition, held_until) where outcome is null and held_until is not null;

-- Who is called until somebody answers: by the record whose answer ends it, a problem or the duty that the call opened.
create table calls (
    record_id uuid not null,
    unit text collate "C" not null,
    version int not null,          -- of the problem's event that called
    partition int not null,        -- of the problem's events: its owner calls
    again int not null,            -- how often was called since
    next_at timestamptz not null,
    headers bytea not null,        -- the notice, as in deliveries
    value bytea not null,
    primary key (record_id, unit)
);
create index calls_by_time on calls (partition, next_at);

-- What became of a notice, by its id; nothing of what it says.
create view published_deliveries as select notice_id, at, outcome from deliveries;
