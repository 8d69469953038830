/** Roles of the cluster, so they are named after the run; what each is for stays the same. */
export interface Roles {
  /** Reads what it is granted. */
  readonly reader: string
  /** Is a `reader`, and so inherits its grants and policies. */
  readonly member: string
  /** Has grants of its own, mostly of some columns. */
  readonly clerk: string
  /** Cannot log in, is granted to others. */
  readonly group: string
  /** Owns some of the tables, whose policies concern it only if they are forced. */
  readonly owner: string
  /** Row security does not concern it. */
  readonly auditor: string
}

export function rolesNamed(prefix: string): Roles {
  const name = (role: string): string => `${prefix}_${role}`
  return {
    reader: name('reader'),
    member: name('member'),
    clerk: name('clerk'),
    group: name('group'),
    owner: name('owner'),
    auditor: name('auditor'),
  }
}

export function createRoles({ reader, member, clerk, group, owner, auditor }: Roles): string {
  return `
    create role ${reader} nologin; create role ${group} nologin; create role ${owner} nologin;
    create role ${member} nologin inherit in role ${reader};
    create role ${clerk} nologin inherit; create role ${auditor} nologin bypassrls;
    grant ${[reader, member, clerk, group, owner, auditor].join(', ')} to current_user;`
}

export function dropRoles(roles: Roles): string {
  return `drop role if exists ${Object.values(roles).join(', ')}`
}
