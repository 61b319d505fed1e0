import { existsSync } from 'node:fs';
import { isReason } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { type Browser, chromium } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const installTime = 300_000;

/**
 * A headless Chromium: the one of this machine, else Debian's, which is installed where that is allowed.
 * @returns the reason where there is none
 */
export async function openBrowser(): Promise<Browser | string> {
  const executablePath = paths.find((path) => existsSync(path)) ?? (await install());
  if (!executablePath) return 'there is no Chromium on this machine: apt install chromium';
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

async function install(): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (args: readonly string[]) =>
    runCommand('apt-get', args, { env, timeout: installTime }).catch((error: unknown) => {
      if (isReason(error, 'Timeout')) return undefined;
      throw error;
    });
  await apt(['-qq', 'update']);
  await apt(['-qq', '-y', '--no-install-recommends', 'install', 'chromium']);
  return paths.find((path) => existsSync(path));
}
