import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostTools } from '@tagboat/node';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The host's tools, as steps of toolbox images see them. */
export const exampleTools = async () =>
  hostTools({
    tagboat: [`${root}/bin/tagboat`],
    directories: [root],
    python: async () => undefined,
  });
