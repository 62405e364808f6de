-- What whoever reported reads by the code of their receipt, beside published_requests: what they were told, what came of
-- what they said of it, and what they are owed. Who they are stands in none of it.
create view published_replies as
    select problem_id, version, at, body::jsonb #>> '{change,source}' as source, body::jsonb #>> '{change,id}' as report,
        body::jsonb #>> '{change,text}' as text
    from events where kind = 'replied';
create view published_ratings as
    select outcomes.key, (rated.body::jsonb #>> '{change,satisfied}')::boolean as satisfied,
        refused::jsonb ->> 'code' as refused
    from outcomes left join events as rated
        on rated.problem_id = outcomes.problem_id and rated.version = outcomes.first_version and rated.kind = 'rated'
    where rated.kind is not null or refused::jsonb ->> 'command_type' = 'duban.command.rate';
create view published_awards as
    select subject as handle, begun_at, id, state,
        case when state::jsonb #> '{marks,declined}' is not null then (
            select body::jsonb ->> 'reason' from events
            where problem_id = records.id and kind = 'declined' order by version desc limit 1
        ) end as reason
    from records where kind = 'reward' and state::jsonb ->> 'handle' is not null;
