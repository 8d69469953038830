const paths = {
  arrowDown: 'M12 5v14M5.5 12.5 12 19l6.5-6.5',
  arrowLeft: 'M19 12H5M11.5 5.5 5 12l6.5 6.5',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  close: 'M6 6l12 12M18 6 6 18',
  hash: 'M9.5 4 7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16',
  lock: 'M6 10.5h12v9.5h-12zM8.5 10.5V7.5a3.5 3.5 0 0 1 7 0v3',
  menu: 'M4 7h16M4 12h16M4 17h16',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  pencil: 'M4 20l1-4.5L16.5 4a2.1 2.1 0 0 1 3 0l.5.5a2.1 2.1 0 0 1 0 3L8.5 19zM14.5 6 18 9.5',
  plus: 'M12 5v14M5 12h14',
  send: 'M5 12 4 4.5 21 12 4 19.5zM5 12h7',
  signOut: 'M10 4H6a1.5 1.5 0 0 0-1.5 1.5v13A1.5 1.5 0 0 0 6 20h4M15.5 8l4 4-4 4M19 12H9.5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5V5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M5.3 18.7 7 17M17 7l1.7-1.7',
  table: 'M4.5 5h15v14h-15zM4.5 9.7h15M4.5 14.3h15M10 9.7V19',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.3 11v5M13.7 11v5',
  userPlus:
    'M10 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.8 19.5c.5-3.5 3-5.2 6.2-5.2 1.5 0 2.8.4 3.9 1.1M18 13.5v6M15 16.5h6',
  users:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.8 19.5c.5-3.5 3-5.2 6.2-5.2s5.7 1.7 6.2 5.2M15.5 4.8a3.5 3.5 0 0 1 0 6.4M17.5 14.6c2.2.6 3.5 2.2 3.9 4.9',
} as const

export type IconName = keyof typeof paths

/** Decoration: whoever uses it says in words what it means. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
