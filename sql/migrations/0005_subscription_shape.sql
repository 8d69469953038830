-- What the relation looked like when a server last gave a client its rows: over a change of shape a client cannot go on
-- from where it was. Null for subscriptions made in SQL.
alter table event.subscription add column shape text;
