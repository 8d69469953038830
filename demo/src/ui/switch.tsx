import { useId } from 'react'
import './switch.css'

interface SwitchProps {
  readonly label: string
  /** What it is to have it on. */
  readonly hint: string
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
}

/** A choice between on and off. The whole line takes a tap. */
export function Switch({ label, hint, checked, onChange }: SwitchProps) {
  const labelId = useId()
  const hintId = useId()
  return (
    <label className="switch">
      <span className="switch-text">
        <span id={labelId}>{label}</span>
        <small id={hintId}>{hint}</small>
      </span>
      <input
        type="checkbox"
        // A checkbox says itself whether it is checked.
        // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props
        role="switch"
        aria-labelledby={labelId}
        aria-describedby={hintId}
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  )
}
