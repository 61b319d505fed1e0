import type { Page } from 'playwright-core';
import { settled } from './console-session.ts';

export interface Crawled {
  readonly pages: number;
  /** What is wrong, each with the page and where its link stood. */
  readonly problems: readonly string[];
}

/** Pages that differ in their values alone are the same page for a visitor: so many of each are opened. */
const mostAlike = 3;

/**
 * Follows every link from a page on, within the console and out of it, and looks at each page: that it shows what it was
 * asked for, and that everything that can be clicked can be reached by keyboard.
 */
export async function crawl(page: Page, origin: string, from: string): Promise<Crawled> {
  const open: { url: string; by: string }[] = [{ url: `${origin}${from}`, by: '' }];
  const known = new Set(open.map(({ url }) => url));
  const alike = new Map<string, number>();
  const problems: string[] = [];
  let pages = 0;
  for (let next = open.shift(); next; next = open.shift()) {
    const { url, by } = next;
    const where = `${url.replace(origin, '')} (from ${by.replace(origin, '')})`;
    if (new URL(url).origin !== origin || isFile(url)) {
      const { status } = await fetchStatus(page, url);
      if (status >= 400) problems.push(`${where} answers ${status}`);
      continue;
    }
    const kind = kindOf(url);
    alike.set(kind, (alike.get(kind) ?? 0) + 1);
    if (alike.get(kind)! > mostAlike) continue;
    pages++;
    await page.goto(url);
    await settled(page);
    problems.push(...(await problemsOf(page)).map((problem) => `${where}: ${problem}`));
    for (const link of await linksOf(page)) {
      if (known.has(link)) continue;
      known.add(link);
      open.push({ url: link, by: url });
    }
  }
  return { pages, problems };
}

const isFile = (url: string) => /^\/(git|v2|api|apis|tagboat|prometheus)\//.test(new URL(url).pathname);

/** The path with its names left out, and which parameters there are; a tab is a page of its own. */
function kindOf(url: string): string {
  const { pathname, searchParams } = new URL(url);
  const parts = pathname.split('/').map((part, index) => (index <= 1 ? part : '*'));
  const parameters = [...searchParams]
    .map(([name, value]) => (name === 'tab' ? `tab=${value}` : name))
    .sort();
  return `${parts.join('/')}?${parameters.join('&')}`;
}

async function fetchStatus(page: Page, url: string): Promise<{ status: number }> {
  const response = await page.request.get(url, { maxRedirects: 3 });
  return { status: response.status() };
}

const linksOf = (page: Page) =>
  page.evaluate(
    `[...document.querySelectorAll('a[href]')].map(({ href }) => href.split('#')[0]).filter((href) => /^https?:/.test(href))`,
  ) as Promise<string[]>;

/** States that say that something is not there, and what only a mouse can use. */
const problemsOf = (page: Page) =>
  page.evaluate(`(() => {
    const found = [];
    for (const state of document.querySelectorAll('h2'))
      if (/^(There is nothing here|This did not work|This is not yours to see|You are signed out)/.test(state.textContent))
        found.push('it says: ' + state.closest('.pf-v6-c-empty-state')?.textContent.slice(0, 160));
    const usable = 'a[href], button, input, select, textarea, label, summary, [tabindex]';
    for (const element of document.querySelectorAll('#main *')) {
      if (getComputedStyle(element).cursor !== 'pointer' || element.closest(usable) || element.querySelector(usable)) continue;
      found.push('only a mouse can use ' + element.outerHTML.slice(0, 160));
      break;
    }
    return found;
  })()`) as Promise<string[]>;
