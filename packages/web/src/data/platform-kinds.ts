import type { Condition, KubernetesObject } from '@tagboat/api';

/** What the console reads of Argo CD's Application. */
export type Application = KubernetesObject<
  {
    readonly source: { readonly repoURL: string; readonly path?: string };
    readonly destination: { readonly namespace?: string };
  },
  {
    readonly sync?: { readonly status: string; readonly revision?: string };
    readonly health?: { readonly status: string; readonly message?: string };
    readonly operationState?: {
      readonly phase: string;
      readonly message: string;
      readonly finishedAt?: string;
    };
    readonly reconciledAt?: string;
  }
>;

/** What the console reads of KServe's InferenceService; its annotations say what was released. */
export type InferenceService = KubernetesObject<
  { readonly predictor: { readonly containers?: readonly { readonly image: string }[] } },
  { readonly url?: string; readonly conditions?: Condition[] }
>;

/** Labels of an Application that a model made. */
export const applicationLabels = {
  project: 'tagboat.dev/project',
  model: 'tagboat.dev/model',
  environment: 'tagboat.dev/environment',
} as const;
