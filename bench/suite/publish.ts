import { format, resolveConfig } from 'prettier'
import { conditionsOf, rowsOf, type Report } from './report.ts'

/**
 * A page with the figures of a report in place of those that it has, between `<!-- figures: NAME -->` and `<!-- end -->`: what
 * the page says is what a bench has printed.
 *
 * @throws if the page has no such place
 */
export async function publish(page: string, report: Report, file: string): Promise<string> {
  const place = new RegExp(`(<!-- figures: ${report.name} -->).*?(<!-- end -->)`, 's')
  if (!place.test(page)) throw new Error(`${file} has no place for the figures of ${report.name}`)
  const text = page.replace(place, (_, begin: string, end: string) =>
    [begin, tableOf(report), conditionsOf(report).join('; '), end].join('\n\n'),
  )
  return format(text, { ...(await resolveConfig(file)), parser: 'markdown' })
}

function tableOf(report: Report): string {
  const header = ['', report.name, '', 'target', '']
  return [header, ['---', '---:', '---', '---', '---'], ...rowsOf(report)]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}
