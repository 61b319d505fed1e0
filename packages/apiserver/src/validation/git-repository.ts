import type { Cause } from '../status.ts';
import { shown } from './values.ts';

const strategies = ['', 'disable_all', 'update'];
const providers = ['github', 'gitlab', 'bitbucket-datacenter', 'bitbucket-cloud', 'gitea', 'forgejo'];

/** What Pipelines-as-Code's admission and the schema of its `Repository` refuse (pkg/webhook/validation.go, types.go). */
export function gitRepositoryCauses(spec: Readonly<Record<string, unknown>>): Cause[] {
  const settings = recordOf(spec.settings);
  return [
    ...urlCauses(spec.url),
    ...limitCauses(spec.concurrency_limit),
    ...oneOf('spec.settings.pipelinerun_provenance', settings.pipelinerun_provenance, [
      '',
      'source',
      'default_branch',
    ]),
    ...['github', 'gitlab', 'forgejo'].flatMap((name) =>
      oneOf(`spec.settings.${name}.comment_strategy`, recordOf(settings[name]).comment_strategy, strategies),
    ),
    ...oneOf('spec.git_provider.type', recordOf(spec.git_provider).type, ['', ...providers]),
    ...listOf(spec.incoming).flatMap((item, index) => incomingCauses(item, `spec.incoming[${index}]`)),
  ];
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const wrong = (field: string, value: unknown, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${message}`,
  field,
});

function urlCauses(url: unknown): Cause[] {
  const field = 'spec.url';
  if (typeof url !== 'string' || url === '')
    return [{ reason: 'FieldValueRequired', message: 'Required value: URL must be set', field }];
  if (!URL.canParse(url)) return [wrong(field, url, 'invalid URL format')];
  return /^https?:$/.test(new URL(url).protocol)
    ? []
    : [wrong(field, url, 'URL scheme must be http or https')];
}

function limitCauses(limit: unknown): Cause[] {
  if (limit === undefined || limit === null || (Number.isInteger(limit) && Number(limit) > 0)) return [];
  return [wrong('spec.concurrency_limit', limit, 'concurrency limit must be greater than 0')];
}

function oneOf(field: string, value: unknown, allowed: readonly string[]): Cause[] {
  if (value === undefined || value === null || allowed.includes(value as string)) return [];
  const values = allowed.map((item) => JSON.stringify(item)).join(', ');
  return [
    {
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${shown(value)}: supported values: ${values}`,
      field,
    },
  ];
}

function incomingCauses(value: unknown, field: string): Cause[] {
  const { type, secret } = recordOf(value);
  const name = recordOf(secret).name;
  return [
    ...oneOf(`${field}.type`, type ?? '', ['webhook-url']),
    ...(typeof name === 'string' && name !== ''
      ? []
      : [
          { reason: 'FieldValueRequired', message: 'Required value', field: `${field}.secret.name` } as const,
        ]),
  ];
}
