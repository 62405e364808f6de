-- Whether the unit had had the problem before: the few of which it is asked how often they were given to it.
alter table desk_turns add column again boolean not null default false;

-- Units are compared one by one, each along a stretch of its own: nothing is sorted by unit.
drop index desk_turns_by_begin, desk_turns_by_answer, desk_turns_by_completion, desk_turns_by_close;
create index desk_turns_by_begin on desk_turns (jurisdiction, unit, given_at);
create index desk_turns_again on desk_turns (jurisdiction, unit, given_at) where again;
create index desk_turns_by_answer on desk_turns (jurisdiction, unit, answered_at) include (answer, answer_in_all)
    where answered_at is not null;
create index desk_turns_by_completion on desk_turns (jurisdiction, unit, completed_at) include (whole, whole_in_all)
    where completed_at is not null;
create index desk_turns_by_close on desk_turns (jurisdiction, unit, closed_at) include (lapses)
    where closed_at is not null;

-- Whose something is, of closed problems too: for a text that a unit looks for among its own.
create index desk_records_of_party on desk_records using gin (parties) where kind = 'problem';
-- What is open, counted by lamp whatever the filter: read from the index alone.
create index desk_records_open on desk_records (jurisdiction, due_key) include (unit, rule, channel, status, sponsor, begun_at)
    where kind = 'problem' and closed_at is null;
