/** Rows, one of which is being cast. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <g fill="var(--on-accent)">
        <rect x="7" y="8.5" width="18" height="3.4" rx="1.7" opacity="0.55" />
        <rect x="7" y="14.3" width="12" height="3.4" rx="1.7" />
        <circle cx="23.3" cy="16" r="1.9" />
        <rect x="7" y="20.1" width="18" height="3.4" rx="1.7" opacity="0.55" />
      </g>
    </svg>
  )
}
