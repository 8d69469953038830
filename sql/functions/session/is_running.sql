-- Has the server said lately that it runs? It does so each half minute, and is believed for three times as long: one that
-- has been killed or frozen counts for so long. What lies in the future was said before the clock went back.
create or replace function event.is_running(server event.server) returns boolean
language sql stable
return server.seen_at between now() - interval '90 s' and now() + interval '90 s';
