import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '@tagboat/base';
import { Narrator } from './narrator.ts';
import {
  badDataIsRefused,
  betterDataShipsItself,
  inputsDrift,
  killedWhileTraining,
  rollBack,
  shipATag,
  traceAPrediction,
} from './scenes.ts';
import { Stage } from './stage.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

/** The whole loop in a few minutes, each claim checked as it is made. */
async function tour(): Promise<void> {
  const narrator = new Narrator();
  await using stage = await Stage.set(narrator, join(root, 'examples', 'flaky-tests'));
  narrator.note(
    `a platform of its own: ${stage.platform.url}, state in ${stage.platform.home}, removed at the end`,
  );
  for (const scene of [
    shipATag,
    betterDataShipsItself,
    badDataIsRefused,
    killedWhileTraining,
    traceAPrediction,
    inputsDrift,
    rollBack,
  ])
    await scene(stage);
  narrator.end();
}

try {
  await tour();
} catch (error) {
  process.stderr.write(`error: ${describeError(error)}\n`);
  process.exitCode = 1;
}
