// Loaded before a server: its clock is wrong by FAULTS_CLOCK seconds, as after a machine has been woken up.

const shiftMs = Number(process.env['FAULTS_CLOCK'] ?? 0) * 1000
const RealDate = Date

class WrongDate extends RealDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) super(RealDate.now() + shiftMs)
    else super(...parts)
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
}

globalThis.Date = WrongDate as DateConstructor
