import type { KubernetesObject } from '@tagboat/api';

/** An object on its way through kustomizations, with the name that its file gave it. */
export interface Entry {
  object: KubernetesObject;
  readonly original: string;
  /** Gets its content's hash after its name. */
  hashed?: boolean;
}
