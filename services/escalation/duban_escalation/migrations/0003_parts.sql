-- What several units owe, each for itself, is kept by the unit; empty where one unit owes the whole.
alter table deadlines add column part text collate "C" not null default '';
alter table deadlines drop constraint deadlines_pkey, add primary key (problem_id, obligation, part);
drop index deadlines_by_time;
create index deadlines_by_time on deadlines (fire_at, problem_id, obligation, part);

alter table measures_taken add column part text;
create or replace view published_measures as
    select problem_id, version, kind, measure, owner, level, obligation, at, public, board, ended_at, number, jurisdiction,
        part
    from measures_taken
    where board is not null or public;
