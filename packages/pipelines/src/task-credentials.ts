import { type KubernetesObject, kinds, type Secret, type TaskRun } from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import type { RunEvents } from './events.ts';
import { refused } from './run-checks.ts';

/** The service account's Secrets that are meant for git or registries (Tekton docs, auth.md). */
export async function credentialsOf(
  taskRun: TaskRun,
  { store, events }: { store: Reader; events: RunEvents },
): Promise<string[]> {
  const namespace = taskRun.metadata.namespace ?? '';
  const name = taskRun.spec?.serviceAccountName || 'default';
  const account = await store.get<KubernetesObject & { secrets?: { name: string }[] }>({
    type: kinds.ServiceAccount,
    namespace,
    name,
  });
  if (!account && name !== 'default')
    throw refused(
      'PodCreationFailed',
      `failed to create task run pod "${taskRun.metadata.name}": translating TaskSpec to Pod: serviceaccounts "${name}" not found. Maybe missing or invalid Task ${namespace}/${taskRun.spec?.taskRef?.name ?? ''}`,
    );
  const names = [...new Set((account?.secrets ?? []).map((secret) => secret.name))];
  const secrets = await Promise.all(
    names.map((secret) => store.get<Secret>({ type: kinds.Secret, namespace, name: secret })),
  );
  const missing = names.filter((_, index) => !secrets[index]);
  if (missing.length > 0)
    events.emit(
      taskRun,
      'Warning',
      'FailedToRetrieveSecret',
      `Unable to retrieve some secrets (${missing.join(', ')}); attempting to use them may not succeed.`,
    );
  return secrets.flatMap((secret) => {
    const meant = Object.keys(secret?.metadata.annotations ?? {}).some((key) =>
      /^tekton\.dev\/(git|docker)-/.test(key),
    );
    const registry = /^kubernetes\.io\/docker(configjson|cfg)$/.test(secret?.type ?? '');
    return secret && (meant || registry) ? [secret.metadata.name] : [];
  });
}
