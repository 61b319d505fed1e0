import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Experiment, kinds } from '@tagboat/api';
import { finishedRun, openBrowser, PlatformProcess, reasonOf, serving, WorkingCopy } from '@tagboat/dev-env';
import type { Browser, BrowserContext, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const demo = join(root, 'examples', 'flaky-tests');
const opened = await openBrowser();
const missing = typeof opened === 'string' ? opened : undefined;

function demoFiles(): Record<string, Uint8Array> {
  const names = readdirSync(demo, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('__pycache__'))
    .map((entry) => join(entry.parentPath, entry.name).slice(demo.length + 1));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(demo, name))]));
}

/** Kernels' connections of a browser, which can be cut as a lost network cuts them. */
class Lines {
  #away = false;
  readonly #open = new Set<WebSocketRoute>();

  async route(context: BrowserContext): Promise<void> {
    await context.routeWebSocket(/\/api\/kernels\/.*\/channels/, (line) => {
      if (this.#away) return void line.close();
      this.#open.add(line);
      this.#open.add(line.connectToServer());
      return undefined;
    });
  }

  async cut(): Promise<void> {
    this.#away = true;
    await Promise.all([...this.#open].map((line) => line.close()));
    this.#open.clear();
  }

  mend(): void {
    this.#away = false;
  }
}

/**
 * The whole demo as a data scientist lives it: sign in, spawn, open the notebook, run all, save, commit, tag and push in
 * the terminal, watch the run, see the model answer.
 */
describe.skipIf(missing)(
  `a day at the workbench, in Chromium${missing ? ` (${missing})` : ''}`,
  { timeout: 420_000 },
  () => {
    const browser = opened as Browser;
    let platform: PlatformProcess;
    let copy: WorkingCopy;
    let context: BrowserContext;
    let page: Page;
    let lab: Page;
    let labAddresses: string[];
    /** Of the notebook that the network and the closed page are tried with, below the home directory. */
    let file: string;
    const addressOf = (path: string): string =>
      `${platform.appsUrl.replace('127.0.0.1', 'localhost')}/notebook/demo/ada/lab/tree/${path}`;
    const lines = new Lines();

    /** Asks the REST API of the workbench's server, as its owner. */
    const jupyter = async (path: string, method = 'GET', body?: object): Promise<Response> => {
      const base = platform.appsUrl.replace('127.0.0.1', 'localhost');
      return fetch(`${base}/notebook/demo/ada/api/${path}`, {
        method,
        headers: { authorization: `Bearer ${await platform.token()}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    };
    const homeFile = async (path: string): Promise<string> => {
      const response = await jupyter(`contents/${path}?type=file&format=text`);
      return response.ok ? ((await response.json()) as { content: string }).content : '';
    };

    beforeAll(async () => {
      const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-console.mjs')], {
        encoding: 'utf8',
      });
      expect(built.status, built.stderr).toBe(0);
      platform = await PlatformProcess.start();
      copy = await WorkingCopy.create(() => platform.gitUrl('demo', 'flaky-tests'), {});
      await copy.write(demoFiles());
      await copy.commit('The demo');
      await copy.push('HEAD:refs/heads/main');
      context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
      context.setDefaultTimeout(60_000);
      await lines.route(context);
      page = await context.newPage();
    }, 120_000);
    afterAll(async () => {
      await context?.close();
      await browser.close();
      await platform?.[Symbol.asyncDispose]();
      await copy?.[Symbol.asyncDispose]();
    });

    it('signs in and spawns a workbench from a profile, with progress while it starts', async () => {
      await page.goto(`${platform.url}/?token=${await platform.token()}`);
      await page.getByRole('link', { name: 'Workbenches' }).click();
      await page.getByRole('button', { name: 'New workbench' }).first().click();
      await page.getByRole('textbox', { name: 'Name', exact: true }).fill('ada');
      await page.getByLabel("This project's own").check();
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      await page.getByRole('progressbar').waitFor();
      const [popup] = await Promise.all([
        context.waitForEvent('page', { timeout: 300_000 }),
        page.getByRole('link', { name: 'Open demo/ada' }).click({ timeout: 300_000 }),
      ]);
      lab = popup;
      labAddresses = [];
      lab.on('framenavigated', (frame) => labAddresses.push(frame.url()));
      await lab.locator('.jp-DirListing-item', { hasText: 'tagboat.yaml' }).waitFor();
      expect(new URL(lab.url()).pathname).toBe('/notebook/demo/ada/lab/tree/flaky-tests');
      expect(lab.url()).not.toContain('ticket');
    });

    it('runs all cells of the notebook and saves it', async () => {
      await lab.locator('.jp-DirListing-item', { hasText: 'notebooks' }).dblclick();
      await lab.locator('.jp-DirListing-item', { hasText: 'testgrid_clustering.ipynb' }).dblclick();
      await lab.locator('.jp-Notebook').waitFor();
      await lab.getByText(/\(flaky-tests\) \| Idle/).waitFor();
      await lab.getByRole('menuitem', { name: 'Run', exact: true }).click();
      await lab.getByRole('menuitem', { name: 'Run All Cells', exact: true }).click();
      await lab
        .locator('.jp-OutputArea-output', { hasText: 'loaded again: the same labels' })
        .waitFor({ timeout: 120_000 });
      await lab.keyboard.press('Control+s');
      await lab.getByText('Saving completed').waitFor();
    });

    it('runs it as the pipeline would, from its toolbar', async () => {
      await lab.getByRole('button', { name: 'Run as pipeline' }).click();
      await expect
        .poll(() => homeFile('flaky-tests/notebooks/testgrid_clustering.executed.ipynb'), {
          timeout: 120_000,
        })
        .toContain('loaded again: the same labels');
    });

    it('commits, pushes and tags in the terminal, without being asked for a password', async () => {
      await lab.getByRole('tab', { name: 'Launcher' }).click();
      await lab.locator('.jp-LauncherCard', { hasText: 'Terminal' }).click();
      // The other one is where the notebook ran as the pipeline would.
      await expect.poll(() => lab.locator('.jp-Terminal').count()).toBe(2);
      await lab.locator('.jp-Terminal').last().click();
      await lab.keyboard.type(
        'cd ~/flaky-tests && git add -A && git commit -qm "From the workbench" && git push -q && git tag v0.1.0 && git push -q --tags && echo PUSH""ED\n',
      );
      const client = await platform.client();
      const run = await finishedRun(client, 'demo', 'v0.1.0');
      expect(reasonOf(run)).toBe('Succeeded');
    });

    it('sees the run in the terminal; the notebook makes the same model file there', async () => {
      await lab.locator('.jp-Terminal').last().click();
      await lab.keyboard.type(
        'tagboat runs > ~/runs.txt; tagboat status > ~/status.txt; tagboat workbench list 2> ~/refused.txt; cd ~/flaky-tests; tagboat notebook run notebooks/testgrid_clustering.ipynb > ~/here.txt 2>&1; env > ~/env.txt; echo END >> ~/here.txt\n',
      );
      await expect.poll(() => homeFile('here.txt'), { timeout: 120_000 }).toContain('END');
      expect(await homeFile('runs.txt')).toMatch(/demo .*v0\.1\.0 +Succeeded/);
      expect(await homeFile('status.txt')).toContain('flaky-tests');
      expect(await homeFile('env.txt')).not.toContain(await platform.token());
      expect(await homeFile('env.txt')).not.toContain('JUPYTER_TOKEN=');
      const client = await platform.client();
      const { items } = await client.list<Experiment>(kinds.Experiment, { namespace: 'demo' });
      const digest = items.find(({ spec }) => spec?.tag === 'v0.1.0')?.spec?.modelDigest;
      const manifest = await client.request('GET', `/v2/demo/flaky-tests/model/manifests/${digest}`);
      const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
      expect(await homeFile('here.txt')).toContain(layers[0]!.digest);
    });

    it('shows what a cell said while the network was away', async () => {
      await lab.getByRole('menuitem', { name: 'File', exact: true }).click();
      await lab.getByRole('menuitem', { name: 'New Launcher' }).click();
      await lab.locator('.jp-LauncherCard', { hasText: 'Python 3' }).first().click();
      await lab.getByText(/\(flaky-tests\) \| Idle/).waitFor();
      const notebook = lab.locator('.jp-Notebook:visible');
      await notebook.locator('.cm-content').first().click();
      await lab.keyboard.insertText(
        'import os, time\nprint("before", flush=True)\nwhile not os.path.exists(os.path.expanduser("~/go")): time.sleep(0.1)\nprint("after")',
      );
      await lab.keyboard.press('Shift+Enter');
      const output = notebook.locator('.jp-OutputArea-output', { hasText: 'before' });
      await output.waitFor();
      await lines.cut();
      await jupyter('contents/go', 'PUT', { type: 'file', format: 'text', content: '' });
      const idle = async () => {
        const kernels = (await (await jupyter('kernels')).json()) as { execution_state: string }[];
        return kernels.every((kernel) => kernel.execution_state === 'idle');
      };
      await expect.poll(idle, { timeout: 30_000 }).toBe(true);
      expect(await output.textContent()).not.toContain('after');
      lines.mend();
      await output.filter({ hasText: 'after' }).waitFor();
    });

    it('shows what a cell said while its page was closed', async () => {
      const notebook = lab.locator('.jp-Notebook:visible');
      await notebook.locator('.cm-content').last().click();
      await lab.keyboard.insertText(
        'print("first", flush=True)\nwhile not os.path.exists(os.path.expanduser("~/return")): time.sleep(0.1)\nprint("last")\n6 * 7',
      );
      await lab.keyboard.press('Control+s');
      // It asks for a name the first time.
      await lab.locator('.jp-Dialog').waitFor();
      await lab.keyboard.press('Enter');
      const sessions = (await (await jupyter('sessions')).json()) as { path: string }[];
      file = sessions.map(({ path }) => path).find((path) => path.endsWith('Untitled.ipynb'))!;
      await expect.poll(() => homeFile(file), { timeout: 30_000 }).toContain('first');
      await notebook.locator('.cm-content').last().click();
      await lab.keyboard.press('Shift+Enter');
      await notebook.locator('.jp-OutputArea-output', { hasText: 'first' }).waitFor();
      await lab.close({ runBeforeUnload: false });
      lab = await context.newPage();
      await lab.goto(addressOf(file));
      await lab.locator('.jp-Notebook:visible .jp-OutputArea-output', { hasText: 'first' }).waitFor();
      await lab.close();
      await jupyter('contents/return', 'PUT', { type: 'file', format: 'text', content: '' });
      lab = await context.newPage();
      await lab.goto(addressOf(file));
      await lab.locator('.jp-Notebook:visible .jp-OutputArea-output', { hasText: 'last' }).waitFor();
      await lab.locator('.jp-Notebook:visible .jp-OutputArea-output', { hasText: /^42$/ }).waitFor();
      await expect.poll(() => homeFile(file), { timeout: 30_000 }).toContain('"42"');
    });

    it('shows in a second tab what a cell of the first one says', async () => {
      const cell = '.jp-Notebook:visible .jp-OutputArea-output';
      await lab.locator('.jp-Notebook:visible .cm-content').last().click();
      await lab.keyboard.press('Escape');
      await lab.keyboard.press('b');
      await lab.keyboard.press('Enter');
      await lab.keyboard.insertText(
        'print("begun", flush=True)\nwhile not os.path.exists(os.path.expanduser("~/second")): time.sleep(0.1)\nprint("ended")',
      );
      await lab.keyboard.press('Control+s');
      await expect.poll(() => homeFile(file), { timeout: 30_000 }).toContain('begun');
      await lab.keyboard.press('Control+Enter');
      await lab.locator(cell, { hasText: 'begun' }).waitFor();
      const second = await context.newPage();
      await second.goto(addressOf(file));
      await second.locator(cell, { hasText: 'begun' }).waitFor();
      await jupyter('contents/second', 'PUT', { type: 'file', format: 'text', content: '' });
      await second.locator(cell, { hasText: 'ended' }).waitFor();
      await lab.locator(cell, { hasText: 'ended' }).waitFor();
      await second.close();
    });

    it('watches the run in the console and sees the model answer', async () => {
      await page.getByRole('link', { name: 'Runs', exact: true }).click();
      await page.getByText('v0.1.0').first().waitFor();
      await serving(await platform.client(), {
        namespace: 'demo-staging',
        model: 'flaky-tests',
        tag: 'v0.1.0',
      });
      const response = await fetch(`${platform.appsUrl}/demo-staging/flaky-tests/predict`, {
        method: 'POST',
        body: JSON.stringify({ name: 'login works', results: [1, 12, 1, 1, 1, 12, 1, 1] }),
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject([{ name: 'login works' }]);
    });

    it('stops, and comes back with the files as they were; no address ever held a token', async () => {
      const stop = page.getByRole('button', { name: 'Stop', exact: true });
      await page.getByRole('link', { name: 'Workbenches' }).click();
      await stop.click();
      await page.getByText('Stopped', { exact: true }).waitFor();
      await lab.reload();
      await lab.getByRole('heading', { name: 'ada is stopped' }).waitFor();
      await lab.getByRole('button', { name: 'Start' }).click();
      await lab.locator('.jp-DirListing-item', { hasText: 'tagboat.yaml' }).waitFor({ timeout: 120_000 });
      expect(labAddresses.filter((address) => /ticket|token/.test(address))).toEqual([]);
      const outside = await browser.newContext();
      const stranger = await outside.newPage();
      await stranger.goto(lab.url());
      await stranger.getByRole('heading', { name: 'This workbench opens from the console' }).waitFor();
      await outside.close();
    });
  },
);
