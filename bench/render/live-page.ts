import type { Browser, CDPSession, Page } from 'playwright'
import { now } from '../suite/clock.ts'
import type { Watched } from './page/probe.ts'

/** What the page's main thread has been busy with, in ms since it began. */
export interface MainThread {
  readonly allMs: number
  readonly scriptMs: number
  readonly layoutMs: number
}

/** A page in a browser that shows rows, and what is known of it. Times are by `now()` of clock.ts. */
export class LivePage {
  readonly #page: Page
  readonly #devtools: CDPSession
  /** What to add to the page's time. */
  #clock = NaN
  /** What went wrong in it. */
  readonly errors: string[] = []

  private constructor(page: Page, devtools: CDPSession) {
    this.#page = page
    this.#devtools = devtools
    page.on('pageerror', (error) => this.errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.errors.push(message.text())
    })
  }

  /** In a context of its own, and so in a process of its own. */
  static async open(browser: Browser): Promise<LivePage> {
    const context = await browser.newContext({ viewport: { width: 1600, height: 900 } })
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Performance.enable')
    return new LivePage(page, devtools)
  }

  /** @returns how long it took until so many rows were shown, in ms */
  async show(url: string, rows: number): Promise<number> {
    const startedAt = now()
    await this.#page.goto(url)
    await this.#page.waitForFunction((rows) => document.querySelectorAll('li').length === rows, rows)
    const ms = now() - startedAt
    this.#clock = await this.#compareClocks()
    return ms
  }

  async rows(): Promise<(readonly [id: number, score: number])[]> {
    return this.#page.evaluate(() => window.probe.rows())
  }

  async watch(): Promise<void> {
    await this.#page.evaluate(() => window.probe.watch())
  }

  async watched(): Promise<Watched> {
    const clock = this.#clock
    const watched = await this.#page.evaluate(() => window.probe.watched())
    return {
      ...watched,
      frames: watched.frames.map((time) => time + clock),
      sightings: watched.sightings.map(([id, score, inDomAt, paintedAt]) => [
        id,
        score,
        inDomAt + clock,
        paintedAt + clock,
      ]),
    }
  }

  async mainThread(): Promise<MainThread> {
    const { metrics } = await this.#devtools.send('Performance.getMetrics')
    const ms = (name: string) => (metrics.find((metric) => metric.name === name)?.value ?? NaN) * 1_000
    return {
      allMs: ms('TaskDuration'),
      scriptMs: ms('ScriptDuration'),
      layoutMs: ms('LayoutDuration') + ms('RecalcStyleDuration'),
    }
  }

  async startProfile(): Promise<void> {
    await this.#devtools.send('Profiler.enable')
    await this.#devtools.send('Profiler.setSamplingInterval', { interval: 100 })
    await this.#devtools.send('Profiler.start')
  }

  /** @returns the text of a .cpuprofile */
  async stopProfile(): Promise<string> {
    const { profile } = await this.#devtools.send('Profiler.stop')
    return JSON.stringify(profile)
  }

  /**
   * The page is asked for its time again and again: each time its clock was read after the question and before the
   * answer, and what all of these leave is a small fraction of a millisecond.
   */
  async #compareClocks(): Promise<number> {
    let [least, most] = [-Infinity, Infinity]
    for (let i = 0; i < 100; i++) {
      const askedAt = now()
      const time = await this.#page.evaluate(() => window.probe.now())
      least = Math.max(least, askedAt - time)
      most = Math.min(most, now() - time)
    }
    return (least + most) / 2
  }
}
