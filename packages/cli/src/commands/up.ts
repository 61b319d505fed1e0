import { rmSync } from 'node:fs';
import { createLogger, type Logger } from '@tagboat/base';
import { Client } from '@tagboat/client';
import { spawner, startCommandsWith } from '@tagboat/process';
import { type Platform, readConfiguration, startPlatform } from '@tagboat/server';
import { defineCommand } from 'citty';
import { runDemo } from '../demo.ts';
import { toolsOfHost } from '../host.ts';
import { say } from '../output.ts';
import { consoleLink } from '../session.ts';
import { makeScratchDirectory, makeStateDirectory } from '../state-directory.ts';

export default defineCommand({
  meta: { name: 'up', description: 'Starts the platform on this machine, until Ctrl-C' },
  args: {
    demo: { type: 'boolean', description: 'with the demo project, from tag to served model' },
    data: { type: 'string', description: 'a TestGrid file for the demo project' },
    'exit-when-live': { type: 'boolean', description: 'end when the demo model has answered' },
    verbose: { type: 'boolean', alias: 'v', description: 'log everything' },
  },
  async run({ args }) {
    const stopping = new AbortController();
    const asked = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.once(signal, () => {
          stopping.abort();
          resolve();
        });
    });
    const configuration = await readConfiguration();
    // This process grows, and takes longer to start others the larger it is.
    startCommandsWith(spawner.start);
    await makeStateDirectory(configuration.home);
    const scratch = await makeScratchDirectory(configuration.home);
    process.env.TMPDIR = scratch;
    process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
    await using platform = await startPlatform({
      configuration,
      tools: await toolsOfHost(configuration.home),
      log: logger(args.verbose ?? false),
    });
    greet(platform, configuration.home);
    if (args.demo || args.data) {
      const live = await runDemo(new Client(platform), {
        data: args.data,
        signal: stopping.signal,
        appsUrl: platform.appsUrl,
      });
      if (args['exit-when-live']) {
        process.exitCode = live ? 0 : 1;
        return;
      }
    }
    if (!stopping.signal.aborted) say('up; Ctrl-C stops it');
    await asked;
    say('stopping');
  },
});

function greet(platform: Platform, home: string): void {
  say(`Tagboat is up: ${platform.url}  models: ${platform.appsUrl}  state: ${home}`);
  say(`console: ${consoleLink(platform)}`);
  if (platform.driverNote) say(`pods run as plain processes: ${platform.driverNote}`);
}

function logger(verbose: boolean): Logger {
  return createLogger({
    write: (line) => process.stderr.write(`${line}\n`),
    level: verbose ? 'info' : 'error',
  });
}
