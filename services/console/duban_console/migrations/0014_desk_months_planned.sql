-- What counts months is planned once for a connection. Whoever writes there has each question planned for its own
-- values, and every row that counts was planned anew with it: that took longer than all else the projector does.
alter function desk_turn_counted() set plan_cache_mode = 'force_generic_plan';
alter function desk_record_counted() set plan_cache_mode = 'force_generic_plan';
