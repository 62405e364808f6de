-- What came of a command stands as its events do: by it the same command counts once, for ever.
create trigger outcomes_stand before update or delete on outcomes for each row execute function history_stands();
create trigger outcomes_stand_whole before truncate on outcomes for each statement execute function history_stands();
