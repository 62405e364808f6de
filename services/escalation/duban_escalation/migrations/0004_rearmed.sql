-- What is to fire later than it is due, which is little: looked for when the clock may have been ahead.
create index deadlines_rearmed on deadlines (fire_at) where fire_at > due_at;
