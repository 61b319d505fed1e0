import { type ResourceType, typeId } from './kinds.ts';

/**
 * Kinds that are kept so that manifests apply, though nothing acts on them: `group/plural` -> what that means for whoever
 * wrote one.
 */
const consequences: Readonly<Record<string, string>> = {
  'apps/statefulsets': 'no pods are made for it; use a Deployment',
  'apps/daemonsets': 'no pods are made for it; use a Deployment',
  'autoscaling/horizontalpodautoscalers': 'nothing is scaled by it; use: kubectl scale',
  'policy/poddisruptionbudgets': 'nothing is held back by it',
  'networking.k8s.io/networkpolicies': 'no connection is refused by it',
  'networking.k8s.io/ingressclasses': 'every Ingress is served, whatever class it names',
  'rbac.authorization.k8s.io/roles': 'it grants and refuses nothing; whoever is let in may do everything',
  'rbac.authorization.k8s.io/rolebindings':
    'it grants and refuses nothing; whoever is let in may do everything',
  'rbac.authorization.k8s.io/clusterroles':
    'it grants and refuses nothing; whoever is let in may do everything',
  'rbac.authorization.k8s.io/clusterrolebindings':
    'it grants and refuses nothing; whoever is let in may do everything',
  'admissionregistration.k8s.io/validatingwebhookconfigurations': 'its webhooks are not called',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': 'its webhooks are not called',
  'admissionregistration.k8s.io/validatingadmissionpolicies': 'nothing is refused by it',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': 'nothing is refused by it',
  '/limitranges': 'it sets no defaults and no limits',
  '/resourcequotas': 'nothing is refused by it',
  '/persistentvolumes': 'claims get directories of this machine, and bind to no volume',
  'storage.k8s.io/storageclasses': 'claims get directories of this machine, whatever class they name',
  'scheduling.k8s.io/priorityclasses': 'pods start in the order they come',
};

/** Why an object of a kind that is only kept may not do what its writer expects; undefined for kinds that are acted on. */
export function notActedOnMessage(type: ResourceType): string | undefined {
  const consequence = consequences[typeId(type)];
  return consequence && `nothing acts on a ${type.kind} here: it is kept, and ${consequence}`;
}
