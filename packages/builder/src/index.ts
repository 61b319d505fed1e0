export { type BuildOptions, type BuiltImage, buildImage, type RegistryBase } from './build-image.ts';
export { environmentLayer, imagePaths } from './environment-layer.ts';
export { type CapturedBase, captureHostPython } from './host-python.ts';
