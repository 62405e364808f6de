-- History is inserted and never changed, whoever tries; only the owner of the table could lift this, and the topic tells.
create function history_stands() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: what stands there stands for ever', tg_op, tg_table_name;
end
$$;

create trigger events_stand before update or delete on events for each row execute function history_stands();
create trigger events_stand_whole before truncate on events for each statement execute function history_stands();
