export { type ForgeControllerOptions, forgeController } from './forge/forge-controller.ts';
export { statusReporter } from './forge/status-reporter.ts';
export { type WebhookOptions, webhookReceiver } from './forge/webhook-receiver.ts';
export { Hosting } from './hosting.ts';
export { packRepositories } from './pack-repositories.ts';
export { Proposals } from './pulls/propose.ts';
export { type PullRequestControllerOptions, pullRequestController } from './pulls/pull-request-controller.ts';
export {
  credentialsOf,
  type RepositoryControllerOptions,
  repositoryController,
} from './repository-controller.ts';
export { restApi } from './rest/rest-api.ts';
export type { RestApiOptions } from './rest/rest-context.ts';
export { type SmartHttpOptions, smartHttp } from './smart-http.ts';
