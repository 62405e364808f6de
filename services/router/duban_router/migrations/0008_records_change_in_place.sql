-- Room for the next state of a record beside the last one: no index covers what changes, so updates touch none (HOT).
-- What is written from now on lies so; pages that are full already stay as they are until they are rewritten.
alter table records set (fillfactor = 50);
