-- What a city's public face may show of a problem, and whose reports it rests on: no text of a report, no actor, no reason.
create view published_requests as
    select records.id, records.jurisdiction, records.number, records.begun_at, latest.at as updated_at, records.status,
        records.rule as category, records.holder as lead_unit, state::jsonb ->> 'pack' as pack,
        state::jsonb ->> 'title' as title, state::jsonb -> 'location' as location, state::jsonb -> 'deadlines' as deadlines,
        case when records.status = 'rejected' then (
            select body::jsonb #>> '{change,ground}' from events
            where problem_id = records.id and kind = 'rejected' order by version desc limit 1
        ) end as ground,
        array(
            select body::jsonb #>> '{change,filed,source}' from events
            where problem_id = records.id and kind in ('registered', 'attached') order by version
        ) as sources                        -- of the first report first
    from records join events as latest on latest.problem_id = records.id and latest.version = records.version
    where records.kind = 'problem';
