import { readConfiguration, startPlatform } from '@tagboat/server';
import { defineCommand } from 'citty';
import { toolsOfHost } from '../host.ts';
import { installation } from '../paths.ts';

export default defineCommand({
  meta: { name: 'up', description: 'Starts the platform on this machine, until Ctrl-C' },
  async run() {
    const configuration = await readConfiguration();
    await using platform = await startPlatform({
      configuration,
      tools: await toolsOfHost(configuration.home),
    });
    process.stdout.write(
      `Tagboat is up at ${platform.url}, models at ${platform.appsUrl} (${installation})\n`,
    );
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    process.stdout.write('stopping\n');
  },
});
