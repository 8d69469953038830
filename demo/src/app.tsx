import { Chat } from './chat/chat.tsx'
import { LiveSession } from './session/live-session.tsx'
import { SignIn } from './session/sign-in.tsx'
import { useSession } from './session/use-session.ts'

/** Signed out, the sign-in; signed in, the chat. A new sign-in starts afresh, with nothing left of the last person. */
export function App() {
  const session = useSession()
  if (!session) return <SignIn />
  return (
    <LiveSession key={session.token} session={session}>
      <Chat />
    </LiveSession>
  )
}
