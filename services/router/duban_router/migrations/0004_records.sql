-- Every record stands under its own kind. What an earlier form has written no service of today reads.
do $$
begin
    if exists (select from problems) then
        raise exception 'this ledger holds records of an earlier form, which cannot be read any more'
            using hint = 'keep that database as it is, and start with an empty one';
    end if;
end
$$;

drop view published_problems;
alter table problems rename to records;
alter table records rename column registered_at to begun_at;
alter table records rename column category to rule;      -- what the pack says about it: category, duty, list, reward
alter table records rename column lead_unit to holder;   -- who has it in hand: lead unit, who owes, keeps or fixes it
alter table records drop column stage;
alter table records add column kind text not null;
alter index problems_by_time rename to records_by_time;
alter index problems_by_number rename to records_by_number;
alter index problems_by_subject rename to records_by_subject;

-- What others may read: every record in one view, and each kind under the names of its own.
create view published_records as
    select id, kind, version, jurisdiction, number, begun_at, status, rule, holder, subject, due_at, lapses, head, state
    from records;
create view published_problems as
    select id, version, jurisdiction, number, begun_at as registered_at, status, rule as category, holder as lead_unit,
        due_at, lapses, head, state
    from records where kind = 'problem';
create view published_duties as
    select id, version, jurisdiction, number, begun_at as opens_at, status, rule as duty, holder as unit, due_at, lapses,
        head, state
    from records where kind = 'duty';
create view published_listings as
    select id, version, jurisdiction, number, begun_at as noticed_at, status, rule as list, holder as keeper,
        subject as of, due_at, lapses, head, state
    from records where kind = 'listing';
create view published_rewards as
    select id, version, jurisdiction, number, begun_at as owed_at, status, rule as reward, holder as fixed_by,
        subject, due_at, lapses, head, state
    from records where kind = 'reward';
