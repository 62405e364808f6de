-- What the role may do here. Granted anew by every `duban migrate`: what does not stand below is taken away.
revoke all on all tables in schema console from duban_console;
grant usage on schema console to duban_console;
grant select on migrations to duban_console;

grant select, insert, update on accounts to duban_console;
grant select, insert, update, delete on sessions, keys, calendar_feeds, saved_views, wall_screens to duban_console;
grant select, insert on account_log to duban_console;
-- The API anchors the log.
grant select, insert, update on anchors to duban_console;
-- What was signed stands: of an issue it is only written down, once, that it was sent.
grant select, insert on issues to duban_console;
grant update (sent_by, sent_at) on issues to duban_console;
-- The pages of a city for the public list what of it is for everybody.
grant usage on schema console to duban_gateway;
grant select on published_issues to duban_gateway;
-- The API keeps the read model of the desk, and whoever makes it anew empties it first.
grant select, update on desk_state to duban_console;
grant select, insert, update, delete, truncate on desk_progress, desk_records, desk_stakes, desk_waits, desk_calls,
    desk_turns, desk_days to duban_console;
grant select, insert, update, delete on desk_months to duban_console;
-- Drafts that wait for a second person's yes.
grant select, insert, update on policy_proposals to duban_console;
