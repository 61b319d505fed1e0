export { Hosting } from './hosting.ts';
export {
  credentialsOf,
  type RepositoryControllerOptions,
  repositoryController,
} from './repository-controller.ts';
export { type SmartHttpOptions, smartHttp } from './smart-http.ts';
