-- The latest version at which a problem was closed or opened again: an event that comes again changes nothing.
create table turns (
    problem_id uuid primary key,
    version int not null
) with (fillfactor = 80);
