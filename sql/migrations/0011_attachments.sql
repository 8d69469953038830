-- The attachments that there have been. Null until the first: writers ask that, which is cheaper than to look for one.
create sequence event.attachment_seq;
select nextval('event.attachment_seq') from event.attachment limit 1;
