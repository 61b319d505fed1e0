import type { KubernetesObject } from '@tagboat/api';
import { applicationLabels } from '../../data/platform-kinds.ts';

export interface ResourceState {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: string;
  readonly health?: { readonly status: string; readonly message?: string };
  readonly requiresPruning?: boolean;
}

/** What these pages read of Argo CD's Application. */
export type Application = KubernetesObject<
  {
    readonly source: { readonly repoURL: string; readonly path?: string; readonly targetRevision?: string };
    readonly destination: { readonly namespace?: string };
    readonly syncPolicy?: { readonly automated?: { readonly selfHeal?: boolean; readonly prune?: boolean } };
  },
  {
    readonly sync?: { readonly status: string; readonly revision?: string };
    readonly health?: { readonly status: string; readonly message?: string };
    readonly resources?: readonly ResourceState[];
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly history?: readonly {
      readonly id: number;
      readonly revision: string;
      readonly deployedAt: string;
    }[];
    readonly operationState?: {
      readonly phase: string;
      readonly message: string;
      readonly finishedAt?: string;
      readonly syncResult?: { readonly revision: string };
    };
    readonly summary?: { readonly images: readonly string[] };
    readonly reconciledAt?: string;
  }
> & { readonly operation?: unknown };

export interface Owner {
  readonly project: string;
  readonly model: string;
  readonly environment: string;
}

/** The model that an application deploys, where a model made it. */
export function ownerOf({ metadata }: Application): Owner | undefined {
  const labels = metadata.labels ?? {};
  const [project, model, environment] = [
    labels[applicationLabels.project],
    labels[applicationLabels.model],
    labels[applicationLabels.environment],
  ];
  return project && model && environment ? { project, model, environment } : undefined;
}

/** Project and name of a repository that is hosted here, from its URL. */
export function hostedAt(url: string): { project: string; name: string } | undefined {
  const match = /\/git\/([^/]+)\/([^/]+?)(?:\.git)?$/.exec(url);
  return match ? { project: match[1]!, name: match[2]! } : undefined;
}
