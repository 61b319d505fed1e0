export { compileBytecode, isUncheckedBytecode, modulesIn } from './bytecode.ts';
export { collectEnvironments, type RemovedEnvironments } from './collect-environments.ts';
export { ensureEnvironment } from './ensure-environment.ts';
export { environmentKey } from './environment-key.ts';
export { resolveInterpreter } from './interpreter.ts';
export { lockEnvironment } from './lock.ts';
export { lockRequest } from './locked-request.ts';
export { findRequirementsFile, readRequirements } from './read-requirements.ts';
export type * from './types.ts';
