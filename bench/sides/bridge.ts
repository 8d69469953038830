/**
 * The limit to compare with: a bridge as bare as it can be. A row trigger puts the row into a NOTIFY, one connection listens,
 * and what it hears goes to a Socket.IO room as it is. It has no log, no snapshot, no guarantee and no access control; a
 * row of more than 8,000 bytes makes its writer fail.
 *
 * @param tables made by now
 */
export function bridgeSql(...tables: readonly string[]): string {
  return bridgeSqlOn(bridgeChannel, ...tables)
}

/** As `bridgeSql`, on a channel and to a room of its own. */
export function bridgeSqlOn(channel: string, ...tables: readonly string[]): string {
  const triggers = tables.map(
    (table) => `create trigger bridge after insert or update or delete on ${table}
      for each row execute function bridge_tell('${channel}');`,
  )
  return `
    create or replace function bridge_tell() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then perform pg_notify(tg_argv[0], '-' || row_to_json(old)::text);
      else perform pg_notify(tg_argv[0], row_to_json(new)::text);
      end if;
      return null;
    end $$;
    ${triggers.join('\n')}`
}

export const bridgeChannel = 'bridge'
