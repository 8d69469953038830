/** What somebody types as a channel's name, as it will be called: “Team lunch!” becomes “team-lunch”. */
export function toChannelName(typed: string): string {
  return typed
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{Ll}\p{Lo}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
}
