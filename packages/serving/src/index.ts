import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export {
  deploymentFor,
  type InferenceService,
  inferenceServiceController,
  type ServingOptions,
} from './inference-service-controller.ts';

/** The directory that holds the Python package of the model server, which goes into images. */
export const modelServerDirectory =
  process.env.TAGBOAT_MODEL_SERVER ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'python');
