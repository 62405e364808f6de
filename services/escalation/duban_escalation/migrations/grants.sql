-- What the role may do here. Granted anew by every `duban migrate`: what does not stand below is taken away.
revoke all on all tables in schema escalation from duban_escalation, duban_reader, duban_gateway;
grant usage on schema escalation to duban_escalation, duban_reader, duban_gateway;
grant select on migrations to duban_escalation;

grant select, insert, update, delete on heads, deadlines to duban_escalation;
grant select, insert, update on schedules to duban_escalation;
grant select, insert, update (ended_at) on measures_taken to duban_escalation;
grant select, insert, update, delete on deliveries to duban_escalation;
grant select, insert on callback_reports to duban_escalation;
grant select, insert, update, delete on calls to duban_escalation;

-- The commands say what became of a trial of a contact.
grant select on published_deliveries to duban_reader;

-- Operators' pages show which deadlines are late.
grant select on published_deadlines to duban_reader;

-- The gateway shows which measures everybody may read of, and reads no more.
grant select on published_exposures to duban_gateway;
