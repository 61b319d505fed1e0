export { backupStream } from './backup.ts';
export {
  type Configuration,
  defaultHome,
  type PortName,
  portNames,
  readConfiguration,
} from './configuration.ts';
export { type Engine, type EngineOptions, startEngine } from './engine.ts';
export { check, hostFindings } from './health.ts';
export { type Platform, type PlatformOptions, startPlatform } from './platform.ts';
export { type Restored, restore } from './restore.ts';
export { ownerTokenFile } from './tokens.ts';
