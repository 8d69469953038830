/** Says what is being done once it has taken a second, so that nobody waits for longer than two without knowing what for. */
export async function saySlow<T>(
  say: (message: string) => void,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => say(`${what} …`), 1000)
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}
