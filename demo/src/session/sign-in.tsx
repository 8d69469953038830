import { useId, useState, type FormEvent } from 'react'
import { limits } from '../../limits.ts'
import { messageOf } from '../api/api.ts'
import { signIn } from '../api/endpoints.ts'
import { Logo } from '../ui/logo.tsx'
import { ThemeToggle } from '../ui/theme-toggle.tsx'
import { getSignOutReason, signedIn } from './session.ts'
import './sign-in.css'

/** Picks a name. There is no password yet: whoever picks a name is that person. */
export function SignIn() {
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState(getSignOutReason)
  const errorId = useId()

  async function submit(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      signedIn(await signIn(name))
    } catch (error) {
      setError(messageOf(error))
      setBusy(false)
    }
  }

  return (
    <main className="sign-in">
      <div className="sign-in-theme">
        <ThemeToggle />
      </div>
      <form className="sign-in-card" onSubmit={submit} noValidate>
        <Logo size={44} />
        <h1>Rowcast chat</h1>
        <p className="sign-in-lead">Live from PostgreSQL to your screen. Pick a name and join in.</p>
        <label className="field">
          <span>Your name</span>
          <input
            autoFocus
            autoComplete="username"
            maxLength={limits.userNameLength}
            value={name}
            onChange={(event) => setName(event.target.value)}
            aria-invalid={error !== null}
            aria-describedby={errorId}
          />
        </label>
        <p id={errorId} className="field-error" role="alert">
          {error}
        </p>
        <button className="button primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p className="sign-in-note">There is no password yet: anyone may sign in under any name.</p>
      </form>
    </main>
  )
}
