export * from './commit.ts';
export { type Credentials, checkUrl, git, gitEnvironment } from './git.ts';
export * from './history.ts';
export {
  fetchLfsObjects,
  type LfsPointer,
  largestPointer,
  lfsPointers,
  parseLfsPointer,
} from './lfs.ts';
export { keepObjectReaders } from './objects.ts';
export { readBranch } from './read-branch.ts';
export { fetchMirror, lsRemote, parseRefs, type RemoteRefs } from './remote.ts';
export * from './tree.ts';
