import './avatar.css'

/** A person's initials on a colour of their own. The name itself stands beside it. */
export function Avatar({ id, name, size = 36 }: { id: number; name: string; size?: number }) {
  const hue = Math.round((id * 137.508) % 360) // the golden angle keeps neighbours apart
  return (
    <span
      className="avatar"
      aria-hidden="true"
      style={{ '--hue': hue, width: size, height: size, fontSize: size * 0.4 } as React.CSSProperties}
    >
      {initialsOf(name)}
    </span>
  )
}

function initialsOf(name: string): string {
  const words = name.split(' ').filter(Boolean)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters
    .map((word) => Array.from(word ?? '')[0] ?? '')
    .join('')
    .toUpperCase()
}
