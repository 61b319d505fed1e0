import type { KubernetesObject } from '@tagboat/api';

/** An object on its way through kustomizations. */
export interface Entry {
  object: KubernetesObject;
  /** Every name that it had or has: patches may mean it by any of them. */
  readonly names: Set<string>;
  readonly kinds: Set<string>;
  /** Gets its content's hash after its name. */
  hashed?: boolean;
}

/** Where an object was named before, and how it is named now. */
export interface Move {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly to: { readonly namespace: string; readonly name: string };
}

export const entryOf = (object: KubernetesObject): Entry => ({
  object,
  names: new Set([object.metadata.name]),
  kinds: new Set([object.kind]),
});
