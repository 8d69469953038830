import { useState } from 'react'
import { IconButton } from './icon-button.tsx'

const themes = ['system', 'light', 'dark'] as const
type Theme = (typeof themes)[number]

const storageKey = 'rowcast-chat.theme'
const icons = { system: 'auto', light: 'sun', dark: 'moon' } as const

/** Light, dark, or as the system is. index.html applies the choice before the first paint. */
export function ThemeToggle() {
  const [theme, setTheme] = useState(load)

  function next() {
    const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system'
    if (next === 'system') {
      delete document.documentElement.dataset['theme']
      localStorage.removeItem(storageKey)
    } else {
      document.documentElement.dataset['theme'] = next
      localStorage.setItem(storageKey, next)
    }
    setTheme(next)
  }

  return <IconButton icon={icons[theme]} label={`Colours: ${theme}. Change`} onClick={next} />
}

function load(): Theme {
  return themes.find((theme) => theme === localStorage.getItem(storageKey)) ?? 'system'
}
