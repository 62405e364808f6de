-- What everybody may read of the measures that were taken, and the gateway shows: no level, no obligation, nothing that is not public.
create view published_exposures as
    select problem_id, version, jurisdiction, number, kind, measure, owner, at, ended_at
    from measures_taken
    where public;
