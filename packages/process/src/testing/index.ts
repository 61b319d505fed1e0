export { type DebianPrograms, debianPrograms } from './debian-programs.ts';
export { DockerEngine, enginePrograms } from './docker-engine.ts';
