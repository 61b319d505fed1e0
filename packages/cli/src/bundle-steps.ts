// A process of its own: the bundler holds several hundred megabytes that it does not give back.
import { join } from 'node:path';
import { absolutePlaces, bundleCli } from './bundle.ts';
import { installation } from './paths.ts';

const sources = join(installation, 'packages', 'cli', 'src');
await bundleCli(sources, { directory: process.argv[2]!, ...absolutePlaces });
