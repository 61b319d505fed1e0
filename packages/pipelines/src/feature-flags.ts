import { invalid } from '@tagboat/base';

export const flagsName = 'feature-flags';

/** What of Tekton's ConfigMap `feature-flags` changes something here (Tekton docs, additional-configs.md). */
export interface Flags {
  /** As Tekton records them in `status.provenance.featureFlags`. */
  readonly recorded: Readonly<Record<string, string | number | boolean>>;
  /** How stable fields must be that objects use. Here all work, unless the ConfigMap says otherwise. */
  readonly fields: 'stable' | 'beta' | 'alpha';
  /** Features that have a flag of their own, where it is off. */
  readonly off: ReadonlySet<'cel' | 'enum' | 'artifacts'>;
  /** Kinds that may hold no spec of what they use: `pipeline`, `pipelinerun`, `taskrun`. */
  readonly noInlineSpec: ReadonlySet<string>;
  /** Whether statuses tell of provenance. */
  readonly provenance: boolean;
  /** Whether steps get the credentials of their service account. */
  readonly credentials: boolean;
}

export const openFlags: Flags = {
  recorded: {
    enableAPIFields: 'alpha',
    enableArtifacts: true,
    enableCELInWhenExpression: true,
    enableParamEnum: true,
    enableStepActions: true,
    resultExtractionMethod: 'sidecar-logs',
    maxResultSize: 4096,
    awaitSidecarReadiness: true,
  },
  fields: 'alpha',
  off: new Set(),
  noInlineSpec: new Set(),
  provenance: true,
  credentials: true,
};

/** By key: under which name the flag is recorded, and the values that it may have besides true and false. */
const known: Readonly<Record<string, { name: string; values?: readonly string[]; number?: boolean }>> = {
  'disable-creds-init': { name: 'disableCredsInit' },
  'running-in-environment-with-injected-sidecars': { name: 'runningInEnvWithInjectedSidecars' },
  'require-git-ssh-secret-known-hosts': { name: 'requireGitSSHSecretKnownHosts' },
  'enable-api-fields': { name: 'enableAPIFields', values: ['stable', 'beta', 'alpha'] },
  'send-cloudevents-for-runs': { name: 'sendCloudEventsForRuns' },
  'await-sidecar-readiness': { name: 'awaitSidecarReadiness' },
  'enforce-nonfalsifiability': { name: 'enforceNonfalsifiability', values: ['none', 'spire'] },
  'keep-pod-on-cancel': { name: 'enableKeepPodOnCancel' },
  'trusted-resources-verification-no-match-policy': {
    name: 'verificationNoMatchPolicy',
    values: ['ignore', 'warn', 'fail'],
  },
  'enable-provenance-in-status': { name: 'enableProvenanceInStatus' },
  'results-from': { name: 'resultExtractionMethod', values: ['termination-message', 'sidecar-logs'] },
  'max-result-size': { name: 'maxResultSize', number: true },
  'set-security-context': { name: 'setSecurityContext' },
  'set-security-context-read-only-root-filesystem': { name: 'setSecurityContextReadOnlyRootFilesystem' },
  coschedule: {
    name: 'coschedule',
    values: ['disabled', 'workspaces', 'pipelineruns', 'isolate-pipelinerun'],
  },
  'enable-cel-in-whenexpression': { name: 'enableCELInWhenExpression' },
  'enable-param-enum': { name: 'enableParamEnum' },
  'enable-artifacts': { name: 'enableArtifacts' },
  'enable-concise-resolver-syntax': { name: 'enableConciseResolverSyntax' },
  'enable-kubernetes-sidecar': { name: 'enableKubernetesSidecar' },
  'enable-step-actions': { name: 'enableStepActions' },
  'enable-wait-exponential-backoff': { name: 'enableWaitExponentialBackoff' },
};

const booleans: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true]),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false]),
]);

function flagValue(key: string, text: string): string | number | boolean {
  const { values, number } = known[key]!;
  const wrong = () => invalid(`invalid value for feature flag "${key}": "${text}"`);
  if (number) {
    if (!/^\d+$/.test(text.trim()) || Number(text) > 1_500_000) throw wrong();
    return Number(text);
  }
  if (values) {
    if (!values.includes(text.toLowerCase())) throw wrong();
    return text.toLowerCase();
  }
  const value = booleans[text];
  if (value === undefined)
    throw invalid(
      `failed parsing feature flags config "${text}": strconv.ParseBool: parsing "${text}": invalid syntax for feature ${key}`,
    );
  return value;
}

/**
 * Reads the data of `feature-flags`. What it does not name is on.
 * @throws `Invalid` naming the key whose value cannot be read, in the words of Tekton's webhook
 */
export function parseFlags(data: Readonly<Record<string, string>> = {}): Flags {
  const said = Object.entries(data).filter(([key]) => key in known);
  const recorded = Object.fromEntries(said.map(([key, text]) => [known[key]!.name, flagValue(key, text)]));
  const inline = (data['disable-inline-spec'] ?? '').split(',').map((name) => name.trim());
  const isOff = (name: string) => recorded[name] === false;
  return {
    recorded: {
      ...openFlags.recorded,
      ...recorded,
      ...(data['disable-inline-spec'] ? { disableInlineSpec: data['disable-inline-spec'] } : {}),
    },
    fields: (recorded.enableAPIFields ?? openFlags.fields) as Flags['fields'],
    off: new Set([
      ...(isOff('enableCELInWhenExpression') ? (['cel'] as const) : []),
      ...(isOff('enableParamEnum') ? (['enum'] as const) : []),
      ...(isOff('enableArtifacts') ? (['artifacts'] as const) : []),
    ]),
    noInlineSpec: new Set(inline.filter(Boolean)),
    provenance: !isOff('enableProvenanceInStatus'),
    credentials: recorded.disableCredsInit !== true,
  };
}
