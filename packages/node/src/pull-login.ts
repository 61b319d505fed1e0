import { type KubernetesObject, kinds, type Pod, type Secret } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { type Login, loginFrom, parseReference } from '@tagboat/oci';
import type { Reader } from '@tagboat/store';
import { decodedSecret } from './decoded-secret.ts';
import { isUntrusted } from './untrusted.ts';

type Named = readonly { readonly name: string }[];

/**
 * The login for an image's registry that the pull secrets of a pod hold: its own, else those of its service account,
 * which Kubernetes gives a pod that names none. Code from outside gets none.
 * @throws `ImagePullFailed` for a Secret that holds no Docker configuration
 */
export async function pullLogin(reader: Reader, pod: Pod, image: string): Promise<Login | undefined> {
  if (isUntrusted(pod)) return undefined;
  const { namespace = '' } = pod.metadata;
  for (const { name } of await pullSecretsOf(reader, pod)) {
    // One that is not there is left out, as a kubelet does.
    const secret = await reader.get<Secret>({ type: kinds.Secret, namespace, name });
    const data = secret && decodedSecret(secret);
    const config = data?.['.dockerconfigjson'] ?? data?.['.dockercfg'];
    if (config === undefined) continue;
    try {
      const login = loginFrom(config, parseReference(image));
      if (login) return login;
    } catch (cause) {
      throw new TagboatError(`the pull secret "${name}": ${(cause as Error).message}`, {
        reason: 'ImagePullFailed',
        cause,
      });
    }
  }
  return undefined;
}

async function pullSecretsOf(reader: Reader, { metadata, spec }: Pod): Promise<Named> {
  if (spec?.imagePullSecrets?.length) return spec.imagePullSecrets;
  const account = await reader.get<KubernetesObject & { imagePullSecrets?: Named }>({
    type: kinds.ServiceAccount,
    namespace: metadata.namespace ?? '',
    name: spec?.serviceAccountName || 'default',
  });
  return account?.imagePullSecrets ?? [];
}
