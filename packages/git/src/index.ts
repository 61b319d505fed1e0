export { Hosting } from './hosting.ts';
export {
  credentialsOf,
  type RepositoryControllerOptions,
  repositoryController,
} from './repository-controller.ts';
export { type RestApiOptions, restApi } from './rest/rest-api.ts';
export { type SmartHttpOptions, smartHttp } from './smart-http.ts';
