-- What others may read of what is waited for: which deadlines have fallen due and are not answered yet.
create view published_deadlines as
    select problem_id, jurisdiction, obligation, part, level, due_at, fire_at, partition
    from deadlines;
