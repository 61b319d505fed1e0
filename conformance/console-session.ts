import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PlatformProcess, WorkingCopy } from '@tagboat/dev-env';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

const root = join(import.meta.dirname, '..');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A platform with the console built, a working copy of one of its repositories, and a browser that is signed in. */
export class ConsoleSession implements AsyncDisposable {
  readonly platform: PlatformProcess;
  readonly copy: WorkingCopy;
  readonly context: BrowserContext;
  readonly page: Page;

  private constructor(parts: Pick<ConsoleSession, 'platform' | 'copy' | 'context' | 'page'>) {
    this.platform = parts.platform;
    this.copy = parts.copy;
    this.context = parts.context;
    this.page = parts.page;
  }

  /** @param timeout of each thing that a test waits for on a page (milliseconds) */
  static async open(browser: Browser, repository: string, timeout: number): Promise<ConsoleSession> {
    const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-console.mjs')], {
      encoding: 'utf8',
    });
    expect(built.status, built.stderr).toBe(0);
    const platform = await PlatformProcess.start();
    const copy = await WorkingCopy.create(() => platform.gitUrl('demo', repository), {});
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(timeout);
    const page = await context.newPage();
    await page.goto(`${platform.url}/?token=${await platform.token()}`);
    return new ConsoleSession({ platform, copy, context, page });
  }

  visit(path: string) {
    return this.page.goto(`${this.platform.url}${path}`);
  }

  /** What axe finds serious on these pages, in one of the themes. */
  audit(paths: readonly string[], theme: 'light' | 'dark'): Promise<string[]> {
    const urls = paths.map((path) => `${this.platform.url}${path}`);
    return auditPages(this.context, urls, theme);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
    await this.context.browser()?.close();
    await this.platform[Symbol.asyncDispose]();
    await this.copy[Symbol.asyncDispose]();
  }
}

/** What axe finds serious on these pages, in one of the themes, for who is signed in in the context. */
export async function auditPages(
  context: BrowserContext,
  urls: readonly string[],
  theme: 'light' | 'dark',
): Promise<string[]> {
  await using audited = await context.browser()!.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: theme,
    bypassCSP: true,
    storageState: await context.storageState(),
  });
  const page = await audited.newPage();
  const found: string[] = [];
  for (const url of urls) {
    await page.goto(url);
    await settled(page);
    await page.addScriptTag({ content: axeSource });
    found.push(...(await violations(page)).map((problem) => `${new URL(url).pathname}: ${problem}`));
  }
  return found;
}

/** Waits until a page shows what it has. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1, h2').first().waitFor();
  await page.locator('.tb-loading').first().waitFor({ state: 'detached' });
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  const all = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)",
  )) as Violation[];
  return all
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes[0]!.html.slice(0, 160)} (${nodes.length}) ${nodes[0]!.failureSummary}`,
    );
}
