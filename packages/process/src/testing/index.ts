export { type DebianPrograms, debianPrograms } from './debian-programs.ts';
export { DockerEngine, enginePrograms } from './docker-engine.ts';
export { imageRoot } from './image-root.ts';
export { PodmanEngine } from './podman-engine.ts';
export type { TestEngine } from './test-engine.ts';
