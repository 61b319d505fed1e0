import type { Secret } from '@tagboat/api';

/** What a Secret holds, by key, as text. */
export function decodedSecret({ data = {}, stringData }: Secret): Record<string, string> {
  const decoded = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return { ...Object.fromEntries(decoded), ...stringData } as Record<string, string>;
}
