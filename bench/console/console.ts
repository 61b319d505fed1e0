import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser, PlatformProcess } from '@tagboat/dev-env';
import type { Browser, Page } from 'playwright-core';
import { bigRun, namespace, seed } from './seed.ts';

const root = join(import.meta.dirname, '..', '..');
const [runs = 10_000, tasks = 500, lines = 1_000_000] = process.argv.slice(2).map(Number);
const home = await mkdtemp(join(tmpdir(), 'tagboat-bench-console-'));

const say = (what: string, value: string) => console.log(`${what.padEnd(58)} ${value}`);
const ms = (value: number) => `${Math.round(value)} ms`;

/** Milliseconds until something is done. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** How long frames take while something goes on: the middle one and the 95th of 100 (milliseconds). */
async function frames(page: Page, action: () => Promise<void>): Promise<string> {
  await page.evaluate(`(() => {
    window.frames95 = []; let last = performance.now();
    const next = (time) => { window.frames95.push(time - last); last = time; window.framing = requestAnimationFrame(next); };
    requestAnimationFrame(next);
  })()`);
  await action();
  const all = (await page.evaluate(
    'cancelAnimationFrame(window.framing), window.frames95.slice(1)',
  )) as number[];
  all.sort((a, b) => a - b);
  const at = (part: number) => ms(all[Math.floor((all.length - 1) * part)] ?? 0);
  return `frames: median ${at(0.5)}, 95% ${at(0.95)}, ${all.length} of them`;
}

async function wheel(page: Page, where: string, by: number): Promise<void> {
  const box = (await page.locator(where).first().boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let turn = 0; turn < 40; turn++) await page.mouse.wheel(0, by);
}

/** Clock ticks (10 ms) that a process has used. */
async function ticks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

async function idle(pid: number, seconds: number): Promise<number> {
  const before = await ticks(pid);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return ((await ticks(pid)) - before) / seconds;
}

async function firstView(browser: Browser, platform: PlatformProcess): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const floor = await timed(() => page.goto(`${platform.url}/sign-in`));
  await page.goto(`${platform.url}/?token=${await platform.token()}`);
  await page.locator('.tb-loop h2').waitFor();
  const js = (await page.evaluate(
    "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)",
  )) as number;
  const cold = await browser.newContext({ storageState: await context.storageState() });
  const first = await cold.newPage();
  const view = await timed(async () => {
    await first.goto(platform.url);
    await first.locator('.tb-loop h2').waitFor();
  });
  await cold.close();
  const again = await timed(async () => {
    await page.goto(platform.url);
    await page.locator('.tb-loop h2').waitFor();
  });
  say(
    `first view, nothing cached, ${runs} runs in the store`,
    `${ms(view)} (${(view / floor).toFixed(1)} x a page without scripts, ${ms(floor)})`,
  );
  say('the same, cached', ms(again));
  say('JavaScript of the first view, compressed', `${(js / 1000).toFixed(0)} kB (at most 350)`);
  return page;
}

async function longLists(page: Page, url: string): Promise<void> {
  const list = await timed(async () => {
    await page.goto(`${url}/runs`);
    await page.getByRole('cell', { name: 'Succeeded' }).first().waitFor();
  });
  say(`list of ${runs} runs`, ms(list));
  say('  scrolled', await frames(page, () => wheel(page, '.tb-table', 400)));
  const graph = await timed(async () => {
    await page.goto(`${url}/runs/${namespace}/${bigRun}?task=t0`);
    await page.locator('.tb-task').first().waitFor();
  });
  say(`run of ${tasks} tasks`, ms(graph));
  say('  its graph moved', await frames(page, () => wheel(page, '.tb-graph', 60)));
  const log = await timed(async () => {
    await page.goto(`${url}/runs/${namespace}/${bigRun}?task=t0&step=run#L${lines - 10}`);
    await page.locator('.tb-log__line--selected').waitFor({ timeout: 120_000 });
  });
  say(`log of ${lines} lines, opened at one near its end`, ms(log));
  say('  scrolled', await frames(page, () => wheel(page, '.tb-log__lines', -2000)));
}

const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-console.mjs')], { stdio: 'inherit' });
const opened = await openBrowser();
if (built.status !== 0 || typeof opened === 'string') throw new Error(String(opened));
try {
  say(
    `made ${runs} runs, ${tasks} tasks, ${lines} lines`,
    ms(await timed(() => seed(home, { runs, tasks, lines }))),
  );
  await using platform = await PlatformProcess.start({ home });
  const alone = await idle(platform.pid, 10);
  const page = await firstView(opened, platform);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const open = await idle(platform.pid, 20);
  say('processor of the platform, no console open', `${alone.toFixed(2)} %`);
  say('the same, a console open and idle', `${open.toFixed(2)} %`);
  await longLists(page, platform.url);
} finally {
  await opened.close();
  await rm(home, { recursive: true, force: true });
}
