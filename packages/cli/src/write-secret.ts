import { kinds, type Secret } from '@tagboat/api';
import type { Client } from '@tagboat/client';

/** Sets values of a Secret, which is made where it is not there; its other values stay. */
export async function writeSecret(
  client: Client,
  place: { readonly namespace: string; readonly name: string },
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  const key = { type: kinds.Secret, ...place };
  if (await client.get(key)) {
    await client.patch(key, { data });
    return;
  }
  const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: place, type: 'Opaque', data };
  await client.create(kinds.Secret, secret);
}
