// A process of its own: the bundler holds several hundred megabytes that it does not give back.
import { join } from 'node:path';
import { absolutePlaces, bundle } from './bundle.ts';
import { installation } from './paths.ts';

const main = join(installation, 'packages', 'cli', 'src', 'main.ts');
await bundle({ entries: { main }, directory: process.argv[2]!, ...absolutePlaces });
