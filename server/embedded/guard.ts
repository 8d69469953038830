import { spawn } from 'node:child_process'

/**
 * Sees to it that a server does not outlive this process, however this process ends: a small shell
 * waits for the pipe from here to break, and then tells the server to stop. It has a session of its own,
 * so Ctrl-C in the terminal does not reach it.
 *
 * @param remove a folder to delete once the server has stopped
 * @returns lets the server go on without a guard
 */
export function guard(pid: number, remove?: string): () => void {
  if (process.platform === 'win32') return () => undefined // the next start finds the server and stops it
  const script = `
    read -r _
    kill -INT "$1" || exit 0
    if [ -n "$2" ]; then
      while [ -e "$2/data/postmaster.pid" ]; do sleep 0.1; done
      rm -rf "$2"
    fi`
  const shell = spawn('/bin/sh', ['-c', script, 'rowcast-guard', String(pid), remove ?? ''], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', () => undefined) // no shell: as on Windows
  shell.stdin.on('error', () => undefined)
  shell.unref()
  ;(shell.stdin as typeof shell.stdin & { unref?(): void }).unref?.()
  return () => shell.kill('SIGKILL')
}
