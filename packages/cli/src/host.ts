import { dirname, join } from 'node:path';
import { type HostTools, hostTools } from '@tagboat/node';
import { resolveInterpreter } from '@tagboat/python';
import { prefixOf } from './paths.ts';
import { stepCommand } from './step-command.ts';

/** The tools of this host that steps may use. */
export async function toolsOfHost(home: string): Promise<HostTools> {
  const cacheDirectory = join(home, 'environments', '.cache');
  const python = async (version: string) =>
    (
      await resolveInterpreter({
        wanted: /^\d+\.\d+$/.test(version) ? `==${version}.*` : version,
        cacheDirectory,
      })
    ).path;
  const standard = await resolveInterpreter({ cacheDirectory });
  const others = await Promise.all(
    ['3.10', '3.11', '3.12', '3.13'].map((version) => python(version).catch(() => undefined)),
  );
  const prefixes = [standard.path, ...others.filter((path) => path !== undefined)].flatMap(prefixOf);
  const { command, directories } = await stepCommand(home);
  return hostTools({
    tagboat: command,
    // The interpreter itself, since shims of version managers do not work everywhere.
    before: [dirname(standard.path)],
    directories: [...new Set([...directories, ...prefixes])],
    python: (version) => python(version).catch(() => undefined),
  });
}
