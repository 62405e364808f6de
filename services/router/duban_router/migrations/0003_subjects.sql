-- Who an entry on a list is of, or whose a reward is: people look these up by it.
alter table problems add column subject text;
create index problems_by_subject on problems (subject) where subject is not null;

create or replace view published_problems as
    select id, version, jurisdiction, number, registered_at, stage, status, category, lead_unit, due_at, lapses, head,
        state, subject
    from problems;

comment on table registers is 'Numbers given out, by jurisdiction; money awarded, by jurisdiction/budget/reward';
