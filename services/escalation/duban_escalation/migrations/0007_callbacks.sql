-- The reports whose sources want to hear what becomes of them, by the event that filed each. They go with their head.
create table callback_reports (
    problem_id uuid not null references heads on delete cascade,
    version int not null,
    source text not null,
    id text not null,
    primary key (problem_id, version)
);
