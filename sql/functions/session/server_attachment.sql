-- Which sessions have a connection to which server that runs: those are in use.
create or replace view event.server_attachment as
select a.session_id, a.server_id
from event.server_session as a
join event.server as v on v.id = a.server_id
where event.is_running(v);
