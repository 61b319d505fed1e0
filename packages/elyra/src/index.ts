export { type ElyraNode, type ElyraParameter, type ElyraPipeline, parseElyra } from './parse.ts';
export {
  type ElyraContext,
  elyraPipeline,
  elyraTaskRunSpecs,
  nodeNames,
  variablePrefix,
} from './to-tekton.ts';
