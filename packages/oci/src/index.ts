export * from './artifact.ts';
export { collectUnpacked } from './collect-unpacked.ts';
export { type Login, loginFrom } from './docker-config.ts';
export {
  directoryEntries,
  type Layer,
  type LayerEntry,
  writeLayer,
} from './layer.ts';
export * from './reference.ts';
export * from './registry-client.ts';
export * from './types.ts';
export * from './unpack-image.ts';
export { type UnpackLimits, unpackLayer } from './unpack-layer.ts';
