import { invalid } from '@tagboat/base';
import { booleanOf, numberOf, plain, recordsOf, textOf, textsOf } from './properties.ts';

export interface ElyraNode {
  readonly id: string;
  readonly label: string;
  readonly kind: 'notebook' | 'python' | 'r';
  /** As the file has it: relative to the pipeline file. */
  readonly filename: string;
  readonly runtimeImage: string | undefined;
  /** Files, with wildcards, relative to the node's file. */
  readonly dependencies: readonly string[];
  readonly includeSubdirectories: boolean;
  readonly outputs: readonly string[];
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly variable: string; readonly secret: string; readonly key: string }[];
  readonly volumes: readonly {
    readonly path: string;
    readonly claim: string;
    readonly subPath?: string;
    readonly readOnly?: boolean;
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** As Kubernetes has them. */
  readonly tolerations: readonly Readonly<Record<string, string>>[];
  /** Gigabytes of `/dev/shm`. */
  readonly sharedMemory?: number | undefined;
  /** Names of the pipeline parameters that it gets as variables. */
  readonly parameters: readonly string[];
  /** Cores and gigabytes. */
  readonly resources: {
    readonly cpu?: number;
    readonly cpuLimit?: number;
    readonly memory?: number;
    readonly memoryLimit?: number;
    readonly gpu?: number;
    readonly gpuVendor?: string;
  };
  /** Ids of the nodes whose outputs it takes. */
  readonly after: readonly string[];
}

export interface ElyraParameter {
  readonly name: string;
  readonly description: string | undefined;
  readonly value: string | undefined;
  readonly required: boolean;
}

export interface ElyraPipeline {
  readonly name: string;
  readonly version: number;
  readonly description: string | undefined;
  readonly parameters: readonly ElyraParameter[];
  readonly nodes: readonly ElyraNode[];
}

type Json = Record<string, unknown>;

const operations: Readonly<Record<string, ElyraNode['kind']>> = {
  'execute-notebook-node': 'notebook',
  'execute-python-node': 'python',
  'execute-r-node': 'r',
};

const oldest = 7;
const newest = 8;

/**
 * Reads a `.pipeline` file of version 7 or 8.
 * @throws `Invalid` naming the file, the node and the property
 */
export function parseElyra(text: string, file: string): ElyraPipeline {
  const fail = (message: string, hint?: string): never => {
    throw invalid(`${file}: ${message}`, hint ? { hint } : {});
  };
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    return fail(`this is not JSON: ${(cause as Error).message}`);
  }
  if (value === null || typeof value !== 'object' || value.doc_type !== 'pipeline')
    return fail('expected doc_type "pipeline"', 'is it a file of the Elyra pipeline editor?');
  const pipelines = Array.isArray(value.pipelines) ? (value.pipelines as Json[]) : [];
  const primary = pipelines.find(({ id }) => id === value.primary_pipeline) ?? pipelines[0];
  if (!primary) return fail('expected at least one pipeline in "pipelines", found none');
  const about = (primary.app_data ?? {}) as Json;
  const version = Number(about.version ?? 0);
  if (!(version >= oldest && version <= newest))
    return fail(
      `expected a pipeline of version ${oldest} or ${newest}, found ${about.version ?? 'none'}`,
      'open it in a current Elyra and save it, which brings it up to date',
    );
  const properties = (about.properties ?? {}) as Json;
  const defaults = (properties.pipeline_defaults ?? {}) as Json;
  const name = textOf(properties.name) ?? textOf(about.name) ?? 'pipeline';
  const nodes = (Array.isArray(primary.nodes) ? (primary.nodes as Json[]) : []).map((node) =>
    nodeOf(node, defaults, fail),
  );
  if (nodes.length === 0) return fail('the pipeline has no nodes');
  checkLinks(nodes, fail);
  return {
    name,
    version,
    description: textOf(properties.description),
    parameters: recordsOf(defaults.pipeline_parameters).map(parameterOf),
    nodes,
  };
}

type Fail = (message: string, hint?: string) => never;

function nodeOf(node: Json, defaults: Json, fail: Fail): ElyraNode {
  const data = (node.app_data ?? {}) as Json;
  const own = (data.component_parameters ?? {}) as Json;
  const id = String(node.id ?? '');
  const label = textOf(data.label) ?? textOf((data.ui_data as Json | undefined)?.label) ?? id;
  const kind = Object.hasOwn(operations, String(node.op)) ? operations[String(node.op)] : undefined;
  if (!kind)
    fail(
      `node "${label}": the component "${String(node.op)}" is not acted on`,
      `there are ${Object.keys(operations).join(', ')}`,
    );
  const filename = textOf(own.filename);
  if (!filename) fail(`node "${label}": expected filename, found none`);
  const list = (key: string) => [...recordsOf(defaults[key], key), ...recordsOf(own[key], key)];
  const number = (key: string) => {
    const found = numberOf(own[key] ?? defaults[key]);
    if (Number.isNaN(found))
      fail(`node "${label}": expected a number in ${key}, found ${JSON.stringify(own[key])}`);
    if (found !== undefined && (key === 'gpu' ? found < 0 : found <= 0))
      fail(`node "${label}": expected more than 0 in ${key}, found ${found}`);
    return found;
  };
  const pairs = (key: string) =>
    Object.fromEntries(list(key).flatMap(({ key: name, value = '' }) => (name ? [[name, value]] : [])));
  const shared = plain(own.kubernetes_shared_mem_size ?? defaults.kubernetes_shared_mem_size);
  const sharedMemory = numberOf((shared as Json | null | undefined)?.size);
  if (sharedMemory !== undefined && !(sharedMemory > 0))
    fail(`node "${label}": expected more than 0 in kubernetes_shared_mem_size, found ${sharedMemory}`);
  const variables = new Map(list('env_vars').map((item) => [item.env_var ?? '', item.value ?? '']));
  return {
    id,
    label,
    kind: kind!,
    filename: filename!,
    runtimeImage: textOf(own.runtime_image) ?? textOf(defaults.runtime_image),
    dependencies: textsOf(own.dependencies),
    includeSubdirectories: booleanOf(own.include_subdirectories),
    outputs: textsOf(own.outputs),
    environment: [...variables].filter(([key]) => key !== '').map(([key, value]) => ({ name: key, value })),
    secrets: list('kubernetes_secrets').map(({ env_var = '', name = '', key = '' }) => ({
      variable: env_var,
      secret: name,
      key,
    })),
    volumes: list('mounted_volumes').map(({ path = '', pvc_name = '', sub_path: subPath, read_only }) => ({
      path: path.startsWith('/') ? path : `/${path}`,
      claim: pvc_name,
      ...(subPath ? { subPath } : {}),
      ...(booleanOf(read_only) ? { readOnly: true } : {}),
    })),
    labels: pairs('kubernetes_pod_labels'),
    annotations: pairs('kubernetes_pod_annotations'),
    tolerations: list('kubernetes_tolerations'),
    sharedMemory,
    parameters: textsOf(own.pipeline_parameters),
    resources: definedOf({
      cpu: number('cpu'),
      cpuLimit: number('cpu_limit'),
      memory: number('memory'),
      memoryLimit: number('memory_limit'),
      gpu: number('gpu'),
      gpuVendor: textOf(own.gpu_vendor),
    }),
    after: linksOf(node),
  };
}

function linksOf(node: Json): string[] {
  const inputs = Array.isArray(node.inputs) ? (node.inputs as Json[]) : [];
  const links = inputs.flatMap(({ links: own }) => (Array.isArray(own) ? (own as Json[]) : []));
  return [...new Set(links.map((link) => String(link.node_id_ref)))];
}

function parameterOf(item: Record<string, string>): ElyraParameter {
  const raw = item as unknown as Json;
  const value = plain((raw.default_value as Json | undefined)?.value ?? raw.value ?? raw.default);
  return {
    name: String(raw.name ?? ''),
    description: textOf(raw.description),
    value: value === undefined || value === null ? undefined : String(value),
    required: booleanOf(raw.required),
  };
}

/** Every link leads to a node, and none leads back. */
function checkLinks(nodes: readonly ElyraNode[], fail: Fail): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const visit = (node: ElyraNode, path: readonly ElyraNode[]): void => {
    if (path.includes(node))
      fail(`the nodes ${[...path, node].map(({ label }) => `"${label}"`).join(' -> ')} go in a circle`);
    if (done.has(node.id)) return;
    for (const id of node.after) {
      const before = byId.get(id);
      if (before) visit(before, [...path, node]);
      else fail(`node "${node.label}" is linked from a node that is not there (${id})`);
    }
    done.add(node.id);
  };
  for (const node of nodes) visit(node, []);
}

function definedOf<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
