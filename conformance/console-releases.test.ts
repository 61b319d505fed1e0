import { openBrowser, type PlatformProcess, serving, tinyProject, type WorkingCopy } from '@tagboat/dev-env';
import { runCommand } from '@tagboat/process';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crawl } from './console-crawl.ts';
import { ConsoleSession } from './console-session.ts';

const opened = await openBrowser();
if (typeof opened === 'string' && process.env.CI) throw new Error(opened);

const attack = 'window.attacked=1';
const hostile = `<script>${attack}</script><img src=x onerror="${attack}"><svg onload="${attack}"></svg>`;
const readme = `# Tiny

${hostile}
<a href="javascript:${attack}">link</a> [another](javascript:${attack}) <iframe srcdoc="<script>parent.${attack}</script>"></iframe>
<form action="/sign-out" method="post"><button>press</button></form>
<style>body { display: none }</style>

**shown** and [the training](train.py)
`;
const notebook = (mean: string) =>
  JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [
      { cell_type: 'markdown', id: 'a', metadata: {}, source: `# Notes\n${hostile}` },
      {
        cell_type: 'code',
        id: 'b',
        metadata: {},
        execution_count: 1,
        source: `mean = ${mean}`,
        outputs: [
          {
            output_type: 'display_data',
            metadata: {},
            data: { 'text/html': `${hostile}<b>mean ${mean}</b>` },
          },
          { output_type: 'stream', name: 'stdout', text: `\u001b[31mred\u001b[0m ${hostile}` },
        ],
      },
    ],
  });

describe.skipIf(typeof opened === 'string')(
  'releases in the console, in Chromium',
  { timeout: 120_000 },
  () => {
    const browser = opened as Browser;
    let session: ConsoleSession;
    let platform: PlatformProcess;
    let copy: WorkingCopy;
    let page: Page;

    beforeAll(async () => {
      session = await ConsoleSession.open(browser, 'tiny', 30_000);
      ({ platform, copy, page } = session);
      await copy.write({ ...tinyProject, 'README.md': readme, 'notes.ipynb': notebook('42') });
      await copy.ship('v0.1.0');
      await copy.push('refs/heads/main');
      await served('staging', 'v0.1.0');
    }, 180_000);
    afterAll(() => session?.[Symbol.asyncDispose]());

    const visit = (path: string) => session.visit(path);
    const served = async (environment: string, tag: string) =>
      serving(await platform.client(), { namespace: `demo-${environment}`, model: 'tiny', tag });
    const attacked = () => page.evaluate('window.attacked');

    test('a promotion is a commit that is shown before it is made', async () => {
      await visit('/deployments/demo-tiny-staging');
      await page.getByRole('button', { name: 'Promote to production' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('goes from nothing to v0.1.0').waitFor();
      await dialog.getByText('Release tiny v0.1.0 to production').waitFor();
      await dialog.getByText('overlays/production/release.yaml').waitFor();
      await dialog.getByText('tagboat promote tiny --from staging --to production').waitFor();
      await dialog.getByRole('button', { name: 'Commit and promote' }).click();
      await dialog.waitFor({ state: 'detached' });
      await served('production', 'v0.1.0');
      await visit('/deployments');
      const tile = page.getByRole('article', { name: 'demo-tiny-production' });
      await tile.getByText('Healthy').waitFor();
      await tile.getByText('v0.1.0').waitFor();
    });

    test('a rollback is one too, and says where it leads', async () => {
      await copy.ship('v0.2.0', { 'helper.py': 'VALUE = 43\n', 'notes.ipynb': notebook('43') });
      await served('staging', 'v0.2.0');
      await visit('/deployments/demo-tiny-staging?tab=history');
      await page.getByRole('button', { name: 'Roll back' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('goes from v0.2.0 to v0.1.0').waitFor();
      await dialog.getByText('Revert "Release tiny v0.2.0 to staging"').waitFor();
      await dialog.getByRole('button', { name: 'Commit and roll back' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('cell', { name: /^Revert "Release tiny v0.2.0/ }).waitFor();
      await served('staging', 'v0.1.0');
    });

    test('the tree leads to a pod, its log and a shell in it', async () => {
      await visit('/deployments/demo-tiny-production');
      await page.getByRole('button', { name: /^Pod / }).click();
      await page.getByText('serving tiny').first().waitFor();
      await page.getByRole('button', { name: 'Terminal' }).click();
      await page.locator('.xterm-screen').waitFor();
      await page.locator('.xterm-helper-textarea').focus();
      await page.keyboard.type('echo $((40 + 2)) is the answer\n');
      await page.locator('.xterm').getByText('42 is the answer').first().waitFor();
    });

    test('live and desired are compared', async () => {
      await visit('/deployments/demo-tiny-production?tab=changes');
      await page.getByRole('region', { name: 'tiny' }).getByText('Synced').waitFor();
    });

    test('the model answers, is asked in three languages, and its requests are listed', async () => {
      await visit('/models/demo/tiny?tab=try');
      const asked = {
        text: `it's  "two  spaces" \\ ''' é\n$HOME \`id\` é \u2028`,
        deep: { a: { b: { c: { d: [1] } } } },
      };
      await page.getByRole('textbox', { name: 'JSON' }).fill(JSON.stringify(asked));
      await page.getByRole('button', { name: 'Ask the model' }).click();
      const answer = page.getByRole('region', { name: 'Answer of the model' });
      await answer.getByText('"mean"').first().waitFor();
      const said: unknown = JSON.parse((await answer.textContent()) ?? '');
      expect(said).toMatchObject({ inputs: asked });
      await session.context.grantPermissions(['clipboard-read', 'clipboard-write']);
      for (const [language, program] of Object.entries(pastedInto)) {
        await page.getByRole('button', { name: language, exact: true }).click();
        await page.getByRole('button', { name: `Copy it in ${language}` }).click();
        const text = (await page.evaluate('navigator.clipboard.readText()')) as string;
        const shown = await page.getByRole('region', { name: `In ${language}` }).textContent();
        expect(text.trim()).toBe(shown?.trim());
        const [command, ...args] = program;
        const { stdout, stderr } = await runCommand(command, args, { stdin: `${text}\n` });
        expect(JSON.parse(stdout.toString('utf8')), stderr).toEqual(said);
      }
      await visit('/models/demo/tiny?tab=traffic&environment=staging');
      await page.getByRole('cell', { name: 'POST /predict' }).first().waitFor();
    });

    test('lineage leads from a commit to predictions', async () => {
      await visit('/models/demo/tiny?tab=lineage');
      await page.getByRole('button', { name: /^Environment production/ }).click();
      await page.getByRole('region', { name: 'Environment' }).getByRole('link', { name: 'Open' }).click();
      await page.waitForURL(/deployments\/demo-tiny-production/);
    });

    test('nothing of a README, a notebook or a commit message runs; forms and styles are gone', async () => {
      await visit('/projects/demo/tiny');
      const text = page.locator('.tb-markdown');
      await text.getByText('shown').waitFor();
      expect(await text.locator('script, iframe, form, button, style, svg, [onerror], [style]').count()).toBe(
        0,
      );
      expect(await text.locator('a[href^="javascript"]').count()).toBe(0);
      expect(await text.getByRole('link', { name: 'the training' }).getAttribute('href')).toContain(
        'path=train.py',
      );
      await visit('/projects/demo/tiny?path=notes.ipynb&ref=v0.2.0');
      await page.frameLocator('.tb-cell iframe').getByText('mean 43').waitFor();
      await page.locator('.tb-output .ansi-red-fg').waitFor();
      await copy.commit(`${hostile} is a message`);
      await copy.push('refs/heads/main');
      await visit('/projects/demo/tiny?tab=commits');
      await page.getByRole('cell', { name: /is a message/ }).waitFor();
      await visit('/projects/demo/tiny?tab=compare&base=v0.1.0&head=v0.2.0');
      await page.getByRole('article', { name: /^Cell 2, source and outputs changed/ }).waitFor();
      await page.getByRole('row', { name: /score/ }).getByText('+0.02').waitFor();
      expect(await attacked()).toBeUndefined();
    });

    test('an image tells its layers, what changed since the last, and where it came from', async () => {
      await visit('/images?repository=demo%2Ftiny');
      const layers = page.getByRole('region', { name: 'Layers' });
      for (const content of ['Python packages', 'model server', 'source that serving needs', 'model'])
        await layers.getByRole('cell', { name: content, exact: true }).waitFor();
      await layers.getByRole('row', { name: / model .* new/ }).waitFor();
      await page
        .getByRole('region', { name: 'Where it came from' })
        .getByRole('link', { name: /^tiny-v/ })
        .waitFor();
    });

    test('raw files of a repository cannot act as a page of the console', async () => {
      await copy.ship('v0.3.0', {
        'page.svg': `<svg xmlns="http://www.w3.org/2000/svg"><script>${attack}</script></svg>`,
      });
      await visit('/git/api/v1/repos/demo/tiny/raw/page.svg?ref=v0.3.0');
      expect(await attacked()).toBeUndefined();
    });

    test('a share link shows the model and opens nothing else', async () => {
      await visit('/models/demo/tiny');
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('button', { name: 'Make a link' }).click();
      const link = await page
        .getByRole('dialog')
        .getByRole('textbox', { name: /^Link share-/ })
        .inputValue();
      const stranger = await browser.newContext();
      const other = await stranger.newPage();
      await other.goto(link);
      await other.getByRole('heading', { name: 'tiny', exact: true }).waitFor();
      expect(new URL(other.url()).pathname).toBe('/shared/demo/tiny');
      await other.getByText('Serving').first().waitFor();
      expect(await other.getByRole('button', { name: /Retrain|Promote|Share/ }).count()).toBe(0);
      const ask = (path: string) => other.evaluate(`fetch('${path}').then((response) => response.status)`);
      expect(await ask('/api/v1/namespaces')).toBe(401);
      expect(await ask('/git/api/v1/repos/demo/tiny')).toBe(401);
      await page.getByRole('button', { name: 'Take it back' }).click();
      await page.getByText('No link is open.').waitFor();
      await other.reload();
      await other.getByRole('heading', { name: 'This link shows nothing any more' }).waitFor();
      await stranger.close();
    });

    test('a change is proposed, looked at, reviewed and merged', async () => {
      await copy.push('refs/heads/main');
      await copy.write({ 'notes.ipynb': notebook('44'), 'train.py': `${tinyProject['train.py']}\n# seen\n` });
      await copy.commit('Look again at the notes');
      const url = await platform.gitUrl('demo', 'tiny');
      const pushed = await runCommand('git', ['push', url, 'HEAD:refs/for/main'], { cwd: copy.directory });
      expect(pushed.stderr).toContain('Pull request 1 opened');
      await visit('/projects/demo/tiny?tab=pulls');
      await page.getByRole('link', { name: 'Look again at the notes' }).click();
      await page.getByRole('article', { name: /^Cell 2, source and outputs changed/ }).waitFor();
      const metrics = page.getByRole('table', { name: 'Metrics beside those of main' });
      await metrics.getByRole('row', { name: /^score/ }).waitFor({ timeout: 60_000 });
      await page.getByRole('textbox', { name: 'Your review' }).fill('It reads well.');
      await page.getByRole('button', { name: 'Approve', exact: true }).click();
      const said = page.getByRole('article', { name: /^Comment of/ });
      await said.getByText('It reads well.').waitFor();
      await said.getByText('approved').waitFor();
      await page.getByRole('button', { name: 'Merge', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('tagboat pr merge 1').waitFor();
      await dialog.getByRole('button', { name: 'Merge', exact: true }).click();
      await page.getByText('merged as').waitFor();
      const client = await platform.client();
      const raw = await client.request('GET', '/git/api/v1/repos/demo/tiny/raw/train.py');
      expect(await raw.text()).toContain('# seen');
    });

    test('no link is dead, and what can be clicked can be reached by keyboard', async () => {
      const { pages, problems } = await crawl(page, platform.url, '/');
      expect(problems).toEqual([]);
      expect(pages).toBeGreaterThan(40);
    });

    test.each(['light', 'dark'] as const)('axe finds nothing serious on these pages, %s', async (theme) => {
      expect(await session.audit(pages, theme)).toEqual([]);
    });

    test('signing out ends the session, which the open console says', async () => {
      await visit('/runs');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(/sign-in/);
      await visit('/runs');
      await page.getByRole('textbox').waitFor();
      expect(await page.getByRole('link', { name: 'Runs' }).count()).toBe(0);
    });
  },
);

/** What each snippet is pasted into. */
const pastedInto: Readonly<Record<string, readonly [string, ...string[]]>> = {
  curl: ['bash', '-s'],
  Python: ['python3', '-'],
  JavaScript: [process.execPath, '--input-type=module', '-'],
};

const pages = [
  '/projects',
  '/projects/demo/tiny',
  '/projects/demo/tiny?path=notes.ipynb',
  '/projects/demo/tiny?tab=commits',
  '/projects/demo/tiny?tab=tags',
  '/projects/demo/tiny?tab=compare&base=v0.1.0&head=v0.2.0',
  '/projects/demo/tiny?tab=pulls',
  '/images',
  '/images?repository=demo%2Ftiny',
  '/deployments',
  '/deployments?view=list',
  '/deployments/demo-tiny-production',
  '/deployments/demo-tiny-production?tab=changes',
  '/deployments/demo-tiny-production?tab=history',
  '/deployments/demo-tiny-production?tab=events',
  '/models',
  '/models/demo/tiny',
  '/models/demo/tiny?tab=versions',
  '/models/demo/tiny?tab=lineage',
  '/models/demo/tiny?tab=try',
  '/models/demo/tiny?tab=traffic',
  '/models/demo/tiny?tab=drift',
  '/insights',
];
