import type { ButtonHTMLAttributes } from 'react'
import { Icon, type IconName } from './icon.tsx'

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly icon: IconName
  /** What it does, for those who hear the page, and as a tooltip. */
  readonly label: string
  readonly iconSize?: number
}

export function IconButton({ icon, label, iconSize = 20, className = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} size={iconSize} />
    </button>
  )
}
