import { type ConfigMap, keyOf, kinds } from '@tagboat/api';
import { createIfAbsent, mutate, type ResourceStore } from '@tagboat/store';
import { settingsNamespace } from './config-defaults.ts';

/** The release of Tekton Pipelines whose statuses, reasons, messages and admission these are. */
export const tektonRelease = 'v1.15.0';

/** Says the release where Tekton's own programs look for it: `tkn version`, the dashboard. */
export async function publishRelease(store: ResourceStore): Promise<void> {
  const info: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'pipelines-info', namespace: settingsNamespace },
    data: { version: tektonRelease },
  };
  const key = keyOf(kinds.ConfigMap, info);
  const { data } = await createIfAbsent(store, key, info);
  if (data?.version !== tektonRelease)
    await mutate<ConfigMap>(store, key, (draft) => {
      draft.data = { ...draft.data, version: tektonRelease };
    });
}
