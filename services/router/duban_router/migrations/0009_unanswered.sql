-- Which reports of a problem wait for a reply. The state counts them; in it they would travel with every event.
create table unanswered (
    problem_id uuid not null,
    source text not null,
    id text not null,
    version int not null,    -- of the event that filed it
    primary key (problem_id, source, id, version)
);
create view published_unanswered as select problem_id, source, id, version from unanswered;

with waiting as materialized (
    select records.id as problem_id, report ->> 'source' as source, report ->> 'id' as id
    from records, jsonb_array_elements(state::jsonb -> 'unanswered') as report
    where kind = 'problem'
), filed as materialized (
    select problem_id, version, body::jsonb #>> '{change,filed,source}' as source,
        body::jsonb #>> '{change,filed,id}' as id
    from events where kind in ('registered', 'attached')
)
insert into unanswered
select distinct problem_id, source, id, version from waiting join filed using (problem_id, source, id);

update records
set state = (state::jsonb - 'unanswered' || case answered when 0 then '{}' else jsonb_build_object('answered', answered) end)::text
from (
    select id, coalesce((state::jsonb ->> 'reports')::int, 1)
        - coalesce(jsonb_array_length(state::jsonb -> 'unanswered'), 0) as answered
    from records where kind = 'problem'
) as counted
where records.id = counted.id;
