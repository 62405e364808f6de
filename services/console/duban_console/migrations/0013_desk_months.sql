-- What happened by months: so many problems received, closed, closed late; so many turns that took so long. Units are
-- compared by sums of that, and what stands in the middle of many lengths is found by its rank: nothing is sorted.

-- An API of the release before may be writing. It waits until all of this is done, and this waits for what it has in
-- hand, of which nothing would be counted else; in the order in which a batch comes to them, so that none waits in a
-- circle.
lock table desk_records, desk_turns in share row exclusive mode;

-- In UTC, so that it hangs on no setting; what lies before and behind whole months is counted one by one.
create function desk_month(at timestamptz) returns date language sql immutable parallel safe
    return date_trunc('month', at at time zone 'UTC')::date;

-- Lengths lie in steps, each a fifth longer than the one before: of whole seconds, so that a length lies in the same one
-- on every machine.
create function desk_step(seconds double precision) returns int language sql immutable parallel safe
    return width_bucket(seconds, array[
        60, 73, 89, 109, 133, 162, 198, 241, 294, 359, 438, 535, 652, 796, 971, 1185, 1445, 1763, 2151, 2624,
        3201, 3906, 4765, 5813, 7092, 8653, 10556, 12879, 15712, 19168, 23385, 28530, 34807, 42464, 51807,
        63204, 77109, 94073, 114769, 140018, 170822, 208403, 254252, 310187, 378428, 461683, 563253, 687169,
        838346, 1022782, 1247794, 1522308, 1857216, 2265804, 2764280, 3372422, 4114355, 5019513, 6123806,
        7471043, 9114673, 11119901, 13566279, 16550861, 20192050, 24634301, 30053847, 36665694, 44732146,
        54573218, 66579326, 81226778, 99096670, 120897937, 147495483, 179944489, 219532277, 267829378,
        326751841, 398637246
    ]::double precision[]);

-- The unit is empty for the whole city, whose lengths count from the registration.
create table desk_months (
    jurisdiction text collate "C" not null,
    sort text collate "C" not null,        -- received; closed (step 1: late); answer and whole (step: how long it took)
    month date not null,
    unit text collate "C" not null,
    step int not null,
    count int not null,
    primary key (jurisdiction, sort, month, unit, step)
) with (fillfactor = 80);

create index desk_turns_of_answer on desk_turns
    (jurisdiction, unit, desk_month(answered_at), desk_step(answer)) include (answered_at, answer)
    where answered_at is not null;
create index desk_turns_of_answer_in_all on desk_turns
    (jurisdiction, desk_month(answered_at), desk_step(answer_in_all)) include (answered_at, answer_in_all)
    where answered_at is not null;
create index desk_turns_of_whole on desk_turns
    (jurisdiction, unit, desk_month(completed_at), desk_step(whole)) include (completed_at, whole)
    where completed_at is not null;
create index desk_turns_of_whole_in_all on desk_turns
    (jurisdiction, desk_month(completed_at), desk_step(whole_in_all)) include (completed_at, whole_in_all)
    where completed_at is not null;

create function desk_months_of_turn(turn desk_turns)
returns table (jurisdiction text, sort text, month date, unit text, step int) language sql immutable as $$
    select turn.jurisdiction, its.sort, console.desk_month(its.at), its.unit, its.step
    from (values
        ('received', turn.given_at, turn.unit, 0),
        ('closed', turn.closed_at, turn.unit, (turn.lapses > 0)::int),
        ('answer', turn.answered_at, turn.unit, console.desk_step(turn.answer)),
        ('answer', turn.answered_at, '', console.desk_step(turn.answer_in_all)),
        ('whole', turn.completed_at, turn.unit, console.desk_step(turn.whole)),
        ('whole', turn.completed_at, '', console.desk_step(turn.whole_in_all))
    ) as its (sort, at, unit, step)
    where its.at is not null and its.step is not null
$$;
create function desk_months_of_record(record desk_records)
returns table (jurisdiction text, sort text, month date, unit text, step int) language sql immutable as $$
    select record.jurisdiction, its.sort, console.desk_month(its.at), '', its.step
    from (values ('received', record.begun_at, 0), ('closed', record.closed_at, (record.lapses > 0)::int))
        as its (sort, at, step)
    where its.at is not null and record.kind = 'problem'
$$;

insert into desk_months
select its.*, count(*) from desk_turns as turn cross join lateral desk_months_of_turn(turn) as its group by 1, 2, 3, 4, 5
union all
select its.*, count(*) from desk_records as record cross join lateral desk_months_of_record(record) as its
group by 1, 2, 3, 4, 5;

-- Counted by the database, whoever writes: an API of the release before beside this one, and the rebuild of either.
-- One after the other, to the end of the transaction: who counted in another order would wait in a circle.
create function desk_turn_counted() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('duban desk months'));
    insert into console.desk_months as held
    select its.jurisdiction, its.sort, its.month, its.unit, its.step, sum(its.by) from (
        select counted.*, 1 as by from console.desk_months_of_turn(new) as counted
        union all
        select counted.*, -1 from console.desk_months_of_turn(old) as counted where tg_op = 'UPDATE'
    ) as its
    group by 1, 2, 3, 4, 5 having sum(its.by) <> 0
    on conflict (jurisdiction, sort, month, unit, step) do update set count = held.count + excluded.count;
    return null;
end
$$;
create function desk_record_counted() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('duban desk months'));
    insert into console.desk_months as held
    select its.jurisdiction, its.sort, its.month, its.unit, its.step, sum(its.by) from (
        select counted.*, 1 as by from console.desk_months_of_record(new) as counted
        union all
        select counted.*, -1 from console.desk_months_of_record(old) as counted where tg_op = 'UPDATE'
    ) as its
    group by 1, 2, 3, 4, 5 having sum(its.by) <> 0
    on conflict (jurisdiction, sort, month, unit, step) do update set count = held.count + excluded.count;
    return null;
end
$$;
create function desk_months_gone() returns trigger language plpgsql as $$
begin
    delete from console.desk_months;
    return null;
end
$$;
create trigger counted_first after insert on desk_turns for each row execute function desk_turn_counted();
create trigger counted_again after update on desk_turns for each row
    when ((old.given_at, old.answered_at, old.answer, old.answer_in_all, old.completed_at, old.whole, old.whole_in_all,
            old.closed_at, old.lapses)
        is distinct from (new.given_at, new.answered_at, new.answer, new.answer_in_all, new.completed_at, new.whole,
            new.whole_in_all, new.closed_at, new.lapses))
    execute function desk_turn_counted();
create trigger counted_not after truncate on desk_turns for each statement execute function desk_months_gone();
create trigger counted_first after insert on desk_records for each row
    when (new.kind = 'problem') execute function desk_record_counted();
create trigger counted_again after update on desk_records for each row
    when (new.kind = 'problem'
        and (old.begun_at, old.closed_at, old.lapses) is distinct from (new.begun_at, new.closed_at, new.lapses))
    execute function desk_record_counted();
create trigger counted_not after truncate on desk_records for each statement execute function desk_months_gone();
