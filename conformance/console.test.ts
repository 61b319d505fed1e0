import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kinds } from '@tagboat/api';
import {
  finishedRun,
  openBrowser,
  type PlatformProcess,
  serving,
  until,
  type WorkingCopy,
} from '@tagboat/dev-env';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConsoleSession } from './console-session.ts';

const root = join(import.meta.dirname, '..');
const demo = join(root, 'examples', 'flaky-tests');
const notebook = 'notebooks/testgrid_clustering.ipynb';
const opened = await openBrowser();
if (typeof opened === 'string' && process.env.CI) throw new Error(opened);

/** The demo's files, as a user's own repository would have them. */
function demoFiles(): Record<string, Uint8Array> {
  const names = readdirSync(demo, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('__pycache__'))
    .map((entry) => join(entry.parentPath, entry.name).slice(demo.length + 1));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(demo, name))]));
}

/** The demo's notebook with one more cell. */
function withCell(source: string): Record<string, string> {
  const value = JSON.parse(readFileSync(join(demo, notebook), 'utf8')) as { cells: object[] };
  value.cells.push({
    cell_type: 'code',
    id: 'extra',
    metadata: {},
    outputs: [],
    execution_count: null,
    source,
  });
  return { [notebook]: JSON.stringify(value) };
}

const hostile = `<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>`;
const failing = `from IPython.display import HTML, display
display(HTML('''${hostile}<b>shown</b>'''))
print("\\x1b[31mred\\x1b[0m ${hostile.replaceAll('"', '\\"')}")
raise ValueError("the data is older than the model")`;
const slow = `import time
print("it waits")
time.sleep(600)`;

describe.skipIf(typeof opened === 'string')('the console in Chromium', { timeout: 240_000 }, () => {
  const browser = opened as Browser;
  let session: ConsoleSession;
  let platform: PlatformProcess;
  let copy: WorkingCopy;
  let page: Page;

  beforeAll(async () => {
    session = await ConsoleSession.open(browser, 'flaky-tests', 60_000);
    ({ platform, copy, page } = session);
    await copy.write(demoFiles());
  }, 120_000);
  afterAll(() => session?.[Symbol.asyncDispose]());

  const visit = (path: string) => session.visit(path);
  const station = (name: string) => page.locator('.tb-station', { hasText: name });
  const runName = async (tag: string) =>
    (
      await until(
        await platform.client(),
        { type: kinds.PipelineRun, namespace: 'demo', what: `a run of ${tag}` },
        ({ metadata }) => metadata.annotations?.['tagboat.dev/tag'] === tag,
      )
    ).metadata.name;

  test('says how to begin, and that the token is not in the address any more', async () => {
    await page.getByRole('heading', { name: 'Three ways to begin' }).waitFor();
    expect(page.url()).toBe(`${platform.url}/`);
    expect(await page.locator('.tb-command').count()).toBeGreaterThanOrEqual(5);
  });

  test('shows a tag go live as it does', async () => {
    await copy.ship('v0.1.0');
    await station('Tag').getByText('v0.1.0').waitFor();
    await station('Run').getByText('running').waitFor();
    await station('Staging').getByText('v0.1.0').waitFor({ timeout: 180_000 });
    await station('Staging').getByLabel('Healthy').waitFor({ timeout: 120_000 });
    await serving(await platform.client(), {
      namespace: 'demo-staging',
      model: 'flaky-tests',
      tag: 'v0.1.0',
    });
    await station('Run').getByRole('link').click();
    await page.locator('.tb-task', { hasText: 'Train' }).waitFor();
    await page.getByRole('tab', { name: 'Results' }).click();
    await page.getByRole('row', { name: /noise_ratio/ }).waitFor();
    await page.getByRole('tab', { name: 'Notebook' }).click();
    await page.getByRole('heading', { name: 'Which tests are flaky?' }).waitFor();
    await page.locator('img.tb-output__picture').first().waitFor();
  });

  test('leads from a failing run to its failing cell, where nothing of the notebook runs', async () => {
    await copy.ship('v0.2.0', withCell(failing));
    await visit('/');
    await page.getByText('The run of flaky-tests v0.2.0 failed').waitFor();
    await page.getByRole('link', { name: 'Look at it' }).first().click();
    await page.getByText('the data is older than the model').first().waitFor();
    await page.getByRole('button', { name: 'Go to the failing cell' }).click();
    const cell = page.locator('.tb-cell--failed');
    await cell.getByText('ValueError').first().waitFor();
    expect((await cell.boundingBox())!.y).toBeLessThan(800);
    await page.frameLocator('.tb-cell--failed iframe').getByText('shown').waitFor();
    await page.getByRole('button', { name: 'Show its log' }).click();
    const red = page.locator('.tb-log__text .ansi-red', { hasText: 'red' });
    await red.waitFor();
    expect(await page.locator('.tb-log__text', { hasText: '<script>' }).count()).toBeGreaterThan(0);
    expect(await page.evaluate('window.attacked')).toBeUndefined();
    const line = page.locator('.tb-log__line', { hasText: 'ValueError' }).first();
    await line.locator('.tb-log__number').click();
    await page.waitForURL(/#L\d+$/);
    await page.reload();
    await page.locator('.tb-log__line--selected', { hasText: 'ValueError' }).waitFor();
  });

  test('shows cells as they run, and cancels', async () => {
    await copy.ship('v0.3.0', withCell(slow));
    await visit(`/runs/demo/${await runName('v0.3.0')}?tab=notebook`);
    await page.locator('.tb-cell--running', { hasText: 'time.sleep' }).waitFor();
    await page.locator('.tb-cell--running').getByText('it waits').first().waitFor();
    // What its earlier cells drew is there while it runs.
    await page.locator('img.tb-output__picture').first().waitFor();
    await page.locator('.tb-head').getByText('Running').waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByText('Nothing is released').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.locator('.tb-head').getByText('Cancelled').waitFor();
    await finishedRun(await platform.client(), 'demo', 'v0.3.0');
  });

  test('finds runs by what is typed and chosen, and remembers it in the address', async () => {
    await visit('/runs');
    await page.getByRole('cell', { name: 'Succeeded' }).first().waitFor();
    await page.getByRole('button', { name: /^cancelled: 1/ }).click();
    await page.waitForURL(/state=cancelled/);
    await page.getByText('1 run', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByRole('textbox', { name: 'Search runs' }).fill('v0.2.0');
    await page.waitForURL(/text=v0\.2\.0/);
    await page.getByRole('row', { name: /v0\.2\.0/ }).waitFor();
    await page.getByText('1 run', { exact: true }).waitFor();
    expect(await page.getByRole('row').count()).toBe(2);
  });

  test('edits a pipeline: adds a task, shows a mistake at its line, saves by a commit', async () => {
    await visit('/pipelines/demo/flaky-tests?path=.tekton/nightly.yaml&create=true');
    await page.getByRole('button', { name: /New task with steps/ }).click();
    await page.locator('.tb-task', { hasText: 'task' }).last().waitFor();
    await page.getByLabel('hello', { exact: true }).check();
    await page.getByLabel('CPU of run').fill('2');
    await page.getByText('No problems').waitFor();
    const editor = page.getByRole('textbox', { name: 'Pipeline as YAML' });
    await editor.click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('\nkinds: wrong');
    await page
      .getByRole('button', { name: /"kinds" is not a field of "Pipeline"; did you mean "kind"/ })
      .waitFor();
    for (let index = 0; index < 'kinds: wrong'.length; index++) await page.keyboard.press('Backspace');
    await page.getByText('No problems').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('textbox', { name: 'Message' }).fill('Add a nightly pipeline');
    await page.getByRole('button', { name: 'Commit', exact: true }).click();
    await page.getByRole('heading', { name: 'Saved' }).waitFor();
    const client = await platform.client();
    const path = '/git/api/v1/repos/demo/flaky-tests/raw/.tekton/nightly.yaml';
    const text = await (await client.request('GET', path)).text();
    expect(text).toContain('runAfter: [ hello ]');
    expect(text).toMatch(/cpu: "?2/);
  });

  test('says that the connection is lost, and heals', async () => {
    await visit('/runs');
    await page.getByRole('cell', { name: 'Succeeded' }).first().waitFor();
    await platform.stop();
    await page.getByText('Connection to Tagboat lost').waitFor();
    await platform.start();
    await page.getByText('Connection to Tagboat lost').waitFor({ state: 'detached' });
  });

  test('an open console goes on with the new one after an upgrade', async () => {
    await visit('/runs');
    await page.getByRole('cell', { name: 'Succeeded' }).first().waitFor();
    // The files of the old build are gone until the page is loaded anew.
    let upgraded = true;
    await page.route('**/*', (route) => {
      if (route.request().isNavigationRequest()) upgraded = false;
      const gone = upgraded && route.request().url().includes('/assets/');
      return gone ? route.fulfill({ status: 404, body: 'there is no such file' }) : route.continue();
    });
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('heading', { name: 'Settings and health' }).waitFor();
    expect(upgraded).toBe(false);
    await page.unroute('**/*');
  });

  test.each(['light', 'dark'] as const)('axe finds nothing serious on any page, %s', async (theme) => {
    expect(await session.audit(await pages(), theme)).toEqual([]);
  });

  /** Every page of the navigation, and one of each kind behind it. */
  async function pages(): Promise<string[]> {
    const failed = `/runs/demo/${await runName('v0.2.0')}`;
    const good = `/runs/demo/${await runName('v0.1.0')}`;
    const nav = [
      '/',
      '/runs',
      '/projects',
      '/models',
      '/images',
      '/deployments',
      '/insights',
      '/pipelines',
      '/settings',
    ];
    return [
      ...nav,
      failed,
      `${good}?tab=results`,
      `${good}?tab=notebook`,
      `${good}?tab=compare`,
      `${good}?tab=parameters`,
      `${good}?view=timeline`,
      '/pipelines/view',
      '/pipelines/demo/flaky-tests?path=tagboat.yaml',
      '/projects/demo/flaky-tests',
      '/models/demo/flaky-tests',
      '/deployments/demo-flaky-tests-staging',
      '/no/such/page',
    ];
  }
});
