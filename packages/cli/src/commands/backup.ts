import { constants, createWriteStream } from 'node:fs';
import { access, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invalid, isReason, notFound, syncDirectory, systemClock } from '@tagboat/base';
import { backupStream, defaultHome } from '@tagboat/server';
import { openDiskStore } from '@tagboat/store';
import { defineCommand } from 'citty';
import { outputOption, tell } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'backup',
    description:
      'Writes all that a working platform needs to a tar, while it runs or not: tagboat backup FILE',
  },
  args: {
    file: { type: 'positional', required: true, description: 'where to; holds secrets, keep it safe' },
    'objects-only': {
      type: 'boolean',
      description:
        'the store, its keys and the configuration, without repositories, images, artifacts and claims',
    },
    ...outputOption,
  },
  async run({ args }) {
    const file = resolve(args.file);
    const objectsOnly = args['objects-only'] ?? false;
    const partial = `${file}.partial`;
    await access(dirname(file), constants.W_OK).catch(() => {
      throw invalid(`cannot write to the directory ${dirname(file)}`, { hint: 'make it, or choose another' });
    });
    try {
      await pipeline(await source(objectsOnly), createWriteStream(partial, { mode: 0o600, flush: true }));
      await rename(partial, file);
      await syncDirectory(dirname(file));
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    const { size } = await stat(file);
    const left = objectsOnly ? ['git', 'blobs', 'artifacts', 'volumes/claims', 'logs'] : ['logs'];
    const others = left.map((name) => join(defaultHome(), name));
    const content = objectsOnly ? '' : ', repositories, images, artifacts and claims';
    tell(args.output, { file, bytes: size, notIncluded: others }, [
      `${file}: ${Math.ceil(size / 1024)} KiB: the store, its keys, the configuration${content}`,
      `not in it: what is made again when it is needed, and ${others.join(' ')}`,
    ]);
  },
});

/**
 * From the running platform, else from the store itself.
 * @param objectsOnly without what objects speak of
 */
async function source(objectsOnly: boolean): Promise<Readable> {
  try {
    const response = await (await connect()).request('POST', `/tagboat/backup?objectsOnly=${objectsOnly}`);
    return Readable.fromWeb(response.body as never);
  } catch (error) {
    if (!isReason(error, 'Unavailable')) throw error;
  }
  const home = defaultHome();
  await access(join(home, 'store', 'store.sqlite')).catch(() => {
    throw notFound(`there is no Tagboat in ${home}`, { hint: 'say where it is with TAGBOAT_HOME' });
  });
  const store = await openDiskStore({
    directory: join(home, 'store'),
    keyFile: join(home, 'config', 'store-key'),
  });
  const stream = backupStream({ store, home, clock: systemClock, objectsOnly });
  stream.on('close', () => void store[Symbol.asyncDispose]());
  return stream;
}
