-- What each role may do here. Granted anew by every `duban migrate`: what does not stand below is taken away.
revoke all on all tables in schema router from duban_router, duban_reader, duban_gateway;
grant usage on schema router to duban_router, duban_reader, duban_gateway;
grant select on migrations to duban_router;

-- History: what happened, and what came of each command, is only added to.
grant select, insert on events, outcomes to duban_router;
grant select, insert on records to duban_router;
grant update (version, status, rule, holder, due_at, lapses, head, state, folded) on records to duban_router;
grant select, insert, update on registers, anchors to duban_router;
grant select, insert, delete on unanswered to duban_router;
grant select, insert on precedents to duban_router;

-- The API and the commands read what is published, and nothing else.
grant select on published_events, published_outcomes, published_records, published_unanswered to duban_reader;

-- The gateway shows what is public of the problems that were reported through it, and to whoever has the code of a report
-- what they were told, what came of their rating, and their reward; it reads no more.
grant select on published_requests, published_replies, published_ratings, published_awards to duban_gateway;
