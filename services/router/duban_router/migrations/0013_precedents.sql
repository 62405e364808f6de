-- What is counted beyond one record: which event counts under what, of whom. In the states it would have to be found by
-- reading all of them. Written with its event, by whoever has the turn on the count; read only where a pack counts.
create table precedents (
    jurisdiction text not null,
    what text not null,      -- 'trigger/ID', or 'note'
    of text not null,        -- the enterprise as names are compared, the unit or the problem; unit and hash of a note
    problem_id uuid not null,
    version int not null,
    at timestamptz not null,
    primary key (jurisdiction, what, of, at, problem_id, version)
);
