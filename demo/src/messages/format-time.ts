const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const dayOfAnyYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** `14:05` */
export function formatTime(iso: string): string {
  return time.format(new Date(iso))
}

export function formatFull(iso: string): string {
  return full.format(new Date(iso))
}

/** “Today”, “Yesterday”, then the date. */
export function formatDay(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const days = Math.round((startOfDay(date) - startOfDay(now)) / 86_400_000) // rounded: days of 23 and 25 hours
  if (days === 0 || days === -1) return capitalise(relative.format(days, 'day'))
  return (date.getFullYear() === now.getFullYear() ? dayOfYear : dayOfAnyYear).format(date)
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}

function capitalise(text: string): string {
  return text.slice(0, 1).toLocaleUpperCase() + text.slice(1)
}
