import { quote } from '../server/routing/select.ts'
import { createPolicy, randomPolicy, type Policy } from './policies.ts'
import type { Random } from './random.ts'
import { tableOrPartition, withPartitions, type AuditTable } from './tables.ts'
import type { Roles } from './roles.ts'

/** One statement that changes who may see what. */
export interface RightsChange {
  readonly sql: string
  /** To be called once it has committed. */
  readonly done: () => void
}

interface TableRights {
  isSecured: boolean
  isForced: boolean
  /** By role: all columns, or these. */
  readonly grants: Map<string, 'all' | readonly string[]>
}

/** Who may see what, as the audit has said so: what is there to be changed, and how it can be. */
export class Rights {
  readonly #random: Random
  readonly #tables: readonly AuditTable[]
  readonly #roles: Roles
  readonly #ofTables = new Map<string, TableRights>()
  /** `role>member` */
  readonly #memberships: Set<string>
  #policies: Policy[] = []
  #policyCount = 0

  constructor(random: Random, tables: readonly AuditTable[], roles: Roles) {
    this.#random = random
    this.#tables = tables
    this.#roles = roles
    this.#memberships = new Set([`${roles.reader}>${roles.member}`])
    for (const table of withPartitions(tables)) this.#begin(table)
  }

  get policies(): readonly Policy[] {
    return this.#policies
  }

  of(table: AuditTable): Readonly<TableRights> {
    const rights = this.#ofTables.get(table.relation)
    if (!rights) throw new Error(`there is no table ${table.relation}`)
    return rights
  }

  #begin(table: AuditTable): void {
    const random = this.#random
    const { reader, clerk, group, auditor } = this.#roles
    const grants: TableRights['grants'] = new Map([[auditor, 'all']])
    if (random.chance(0.85)) grants.set(reader, random.chance(0.7) ? 'all' : this.#someColumns(table))
    // A policy's sub-select reads as who asks: without this most would see an error, and nothing would be audited.
    if (table.isMembership || random.chance(0.85))
      grants.set(clerk, table.isMembership || random.chance(0.3) ? 'all' : this.#someColumns(table))
    if (table.isMembership) grants.set(reader, 'all')
    if (random.chance(0.3)) grants.set(group, 'all')
    const isPartition = table.partitionOf !== undefined
    const isSecured = random.chance(isPartition ? 0.6 : table.isMembership ? 0.3 : 0.9)
    this.#ofTables.set(table.relation, { isSecured, isForced: random.chance(0.3), grants })
    // Where no policy permits anything there is nothing to be seen.
    this.#policies.push(this.#policy(table, false))
    for (let count = random.int(0, isPartition ? 1 : 2); count > 0; count--)
      this.#policies.push(this.#policy(table))
  }

  #policy(table: AuditTable, isRestrictive?: boolean): Policy {
    const { reader, clerk, group, member } = this.#roles
    return randomPolicy(
      this.#random,
      table,
      this.#members(),
      [reader, clerk, group, member],
      `p${this.#policyCount++}`,
      isRestrictive,
    )
  }

  #members(): string {
    const table = this.#tables.find(({ isMembership }) => isMembership)
    if (!table) throw new Error('there is no table of members')
    return tableOrPartition(this.#random, table, 0.3).relation
  }

  /** Nearly always with the key, without which there is nothing to follow. */
  #someColumns(table: AuditTable): string[] {
    const random = this.#random
    const others = table.columns.map(({ name }) => name).filter((name) => !table.key.includes(name))
    const chosen = random.shuffled(others).slice(0, random.int(1, others.length - 1))
    return random.chance(0.93) ? [...table.key, ...chosen] : chosen
  }

  change(): RightsChange {
    const random = this.#random
    const kind = random.weighted({
      create_policy: 3,
      drop_policy: 3,
      alter_policy: 4,
      grant: 3,
      revoke: 3,
      security: 2,
      force: 1,
      membership: 2,
    })
    const table = tableOrPartition(random, random.pick(this.#tables) as AuditTable, 0.3)
    switch (kind) {
      case 'create_policy':
        return this.#createPolicy(table)
      case 'drop_policy':
        return this.#dropPolicy(table) ?? this.#createPolicy(table)
      case 'alter_policy':
        return this.#alterPolicy(table) ?? this.#createPolicy(table)
      case 'grant':
        return this.#grant(table)
      case 'revoke':
        return this.#revoke(table) ?? this.#grant(table)
      case 'security': {
        const rights = this.#ofTables.get(table.relation) as TableRights
        const isSecured = !rights.isSecured
        return {
          sql: `alter table ${table.relation} ${isSecured ? 'enable' : 'disable'} row level security`,
          done: () => (rights.isSecured = isSecured),
        }
      }
      case 'force': {
        const rights = this.#ofTables.get(table.relation) as TableRights
        const isForced = !rights.isForced
        return {
          sql: `alter table ${table.relation} ${isForced ? '' : 'no '}force row level security`,
          done: () => (rights.isForced = isForced),
        }
      }
      case 'membership':
        return this.#membership()
    }
  }

  #createPolicy(table: AuditTable): RightsChange {
    const policy = this.#policy(table)
    return { sql: createPolicy(policy), done: () => this.#policies.push(policy) }
  }

  #policyOf({ relation }: AuditTable): Policy | undefined {
    return this.#random.pick(this.#policies.filter((policy) => policy.relation === relation))
  }

  #dropPolicy(table: AuditTable): RightsChange | undefined {
    const policy = this.#policyOf(table)
    return (
      policy && {
        sql: `drop policy ${policy.name} on ${policy.relation}`,
        done: () => (this.#policies = this.#policies.filter((other) => other !== policy)),
      }
    )
  }

  #alterPolicy(table: AuditTable): RightsChange | undefined {
    const policy = this.#policyOf(table)
    if (!policy) return undefined
    const other = this.#policy(table)
    const altered = { ...policy, to: other.to, using: other.using, title: other.title }
    return {
      sql: `alter policy ${policy.name} on ${policy.relation} to ${other.to.join(', ')} using (${other.using})`,
      done: () => (this.#policies = this.#policies.map((known) => (known === policy ? altered : known))),
    }
  }

  #grant(table: AuditTable): RightsChange {
    const { reader, clerk, group, member } = this.#roles
    const role = this.#random.pick([reader, clerk, group, member] as const)
    const columns = this.#random.chance(0.4) ? ('all' as const) : this.#someColumns(table)
    const { grants } = this.#ofTables.get(table.relation) as TableRights
    return { sql: grantSql(table, role, columns), done: () => grants.set(role, columns) }
  }

  /** Of a table granted whole, it leaves some columns now and then. */
  #revoke(table: AuditTable): RightsChange | undefined {
    const { grants } = this.#ofTables.get(table.relation) as TableRights
    const role = this.#random.pick([...grants.keys()])
    if (role === undefined) return undefined
    const all = `revoke select on ${table.relation} from ${role}`
    if (this.#random.chance(0.5)) return { sql: all, done: () => grants.delete(role) }
    const columns = this.#someColumns(table)
    return { sql: `${all}; ${grantSql(table, role, columns)}`, done: () => grants.set(role, columns) }
  }

  #membership(): RightsChange {
    const { reader, member, group, clerk } = this.#roles
    const [role, to] = this.#random.pick([
      [reader, member],
      [group, reader],
      [group, clerk],
    ] as const)
    const name = `${role}>${to}`
    if (this.#memberships.has(name))
      return { sql: `revoke ${role} from ${to}`, done: () => this.#memberships.delete(name) }
    return { sql: `grant ${role} to ${to}`, done: () => this.#memberships.add(name) }
  }
}

function grantSql({ relation }: AuditTable, role: string, columns: 'all' | readonly string[]): string {
  return `grant select ${columns === 'all' ? '' : `(${columns.map(quote).join(', ')})`} on ${relation} to ${role}`
}

/** What a table begins with, but for its policies. */
export function rightsSql(rights: Rights, table: AuditTable): string[] {
  const { isSecured, isForced, grants } = rights.of(table)
  return [
    ...[...grants].map(([role, columns]) => grantSql(table, role, columns)),
    ...(isSecured ? [`alter table ${table.relation} enable row level security`] : []),
    ...(isForced ? [`alter table ${table.relation} force row level security`] : []),
  ]
}
