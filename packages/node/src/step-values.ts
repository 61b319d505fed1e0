import { join } from 'node:path';
import type { Condition, PodStep, RunResult } from '@tagboat/api';
import { canonicalJson, TagboatError } from '@tagboat/base';
import { readStepFile } from './inside.ts';
import { keepLargeResult, readLargeResult } from './large-results.ts';
import type { TektonDirectories } from './step-directories.ts';

/** One result, however large, must stay below this. */
const largestResult = 16 * 2 ** 20;
const largestArtifacts = 2 ** 20;
/** What Tekton allows of one result (`results-from: sidecar-logs`, `max-result-size`). */
const tektonLimit = 4096;

export interface StepValues {
  readonly results: readonly RunResult[];
  /** Names of results that a cluster would refuse, with their sizes in bytes. */
  readonly large: readonly { name: string; size: number }[];
}

export interface ValueSources {
  readonly directories: TektonDirectories;
  readonly step: PodStep;
  readonly taskResults: readonly { name: string; type: string }[];
  /** Where results are kept that are too large for an object. */
  readonly artifacts: string;
}

/**
 * What a step left in its result and artifact files.
 * @throws `ResultsTooLarge`, `InvalidArtifacts`
 */
export async function readValues(sources: ValueSources): Promise<StepValues> {
  const { directories, step, taskResults } = sources;
  const status = directories.status(step);
  const results: RunResult[] = [];
  const large: { name: string; size: number }[] = [];
  const read = async (path: string, { name, type }: { name: string; type: string }, kind: 1 | 4) => {
    const root = kind === 1 ? directories.results : directories.own(step);
    const bytes = await readStepFile(root, join(path, name), {
      bytes: largestResult,
      what: `result "${name}"`,
    });
    if (!bytes) return;
    if (bytes.length > tektonLimit) large.push({ name, size: bytes.length });
    results.push({ key: name, value: await keepLargeResult(bytes, type, sources.artifacts), type: kind });
  };
  for (const result of taskResults) await read(directories.results, result, 1);
  for (const result of step.results ?? []) await read(join(status, 'results'), result, 4);
  for (const [root, path, type] of [
    [directories.own(step), join(status, 'artifacts'), 5],
    [directories.artifacts, directories.artifacts, 6],
  ] as const) {
    const file = join(path, 'provenance.json');
    const bytes = await readStepFile(root, file, { bytes: largestArtifacts, what: 'provenance.json' });
    if (bytes) results.push({ key: 'provenance.json', value: checkedArtifacts(bytes), type });
  }
  return { results, large };
}

/** Tells of results that a cluster would refuse: their sizes in bytes, by name. */
export function largeResultsCondition(large: ReadonlyMap<string, number>, now: string): Condition {
  const sizes = [...large].map(([name, size]) => `${name} has ${size} bytes`).join(', ');
  return {
    type: 'ResultsLargerThanTekton',
    status: 'True',
    reason: 'ResultLargerThanAllowedLimit',
    message: `a cluster would refuse results of more than ${tektonLimit} bytes: ${sizes}`,
    lastTransitionTime: now,
  };
}

function checkedArtifacts(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw new TagboatError(`the artifacts file is not JSON: ${(error as Error).message}`, {
      reason: 'InvalidArtifacts',
      hint: 'write {"inputs": [...], "outputs": [...]} to $(artifacts.path)',
    });
  }
}

const reference =
  /\$\(steps\.([\w-]+)\.(?:results\.([\w-]+)(?:\.([\w-]+))?(?:\[(\*|\d+)\])?|(inputs|outputs)(?:\.([\w-]+))?)\)/g;

/** Gives the values of what earlier steps wrote, as texts are replaced when a step starts. */
export class EarlierSteps {
  readonly #directories: TektonDirectories;
  readonly #artifacts: string;

  constructor(directories: TektonDirectories, artifacts: string) {
    this.#directories = directories;
    this.#artifacts = artifacts;
  }

  /** A list of words, such as args: a whole array result becomes its items. */
  async words(words: readonly string[]): Promise<string[]> {
    const replaced: string[] = [];
    for (const word of words) {
      const list = await this.#list(word);
      if (list) replaced.push(...list);
      else replaced.push(await this.text(word));
    }
    return replaced;
  }

  /** @throws `MissingStepResult` */
  async text(text: string): Promise<string> {
    if (!text.includes('$(steps.')) return readLargeResult(text, this.#artifacts);
    const values = new Map<string, string>();
    for (const match of text.matchAll(reference)) {
      if (match[0] && !values.has(match[0])) values.set(match[0], await this.#value(match));
    }
    const replaced = text.replace(reference, (whole) => values.get(whole) ?? whole);
    return readLargeResult(replaced, this.#artifacts);
  }

  async #list(word: string): Promise<string[] | undefined> {
    const match = new RegExp(`^${reference.source}$`).exec(word);
    if (!match?.[2] || match[3] || (match[4] !== undefined && match[4] !== '*')) return undefined;
    const value = parse(await this.#result(match[1]!, match[2], match[0]));
    return Array.isArray(value) ? value.map(String) : undefined;
  }

  async #value(match: RegExpMatchArray): Promise<string> {
    const [whole, step = '', result, key, index, list, artifact] = match;
    if (!result) return this.#artifact(step, list as 'inputs' | 'outputs', artifact);
    const text = await this.#result(step, result, whole);
    if (key === undefined && index === undefined) return text;
    const value = parse(text) as Record<string, unknown> | unknown[];
    const found =
      key === undefined ? (value as unknown[])?.[Number(index)] : (value as Record<string, unknown>)?.[key];
    if (found === undefined)
      throw missing(`${whole} has no value: result "${result}" of step "${step}" is ${text.slice(0, 200)}`);
    return typeof found === 'string' ? found : JSON.stringify(found);
  }

  async #result(step: string, result: string, whole: string): Promise<string> {
    const by = { container: `step-${step}` };
    const path = join(this.#directories.status(by), 'results', result);
    const bytes = await readStepFile(this.#directories.own(by), path, {
      bytes: largestResult,
      what: `result "${result}"`,
    });
    if (!bytes) throw missing(`${whole} has no value: step "${step}" wrote no result "${result}"`);
    return bytes.toString('utf8');
  }

  async #artifact(step: string, list: 'inputs' | 'outputs', name: string | undefined): Promise<string> {
    const by = { container: `step-${step}` };
    const path = join(this.#directories.status(by), 'artifacts/provenance.json');
    const bytes = await readStepFile(this.#directories.own(by), path, {
      bytes: largestArtifacts,
      what: 'provenance.json',
    });
    const artifacts = parse(bytes?.toString('utf8') ?? '{}') as Record<
      string,
      { name: string; values: unknown }[]
    >;
    const found =
      name === undefined ? artifacts[list]?.[0] : artifacts[list]?.find((item) => item.name === name);
    if (!found) throw missing(`step "${step}" names no artifact ${list}${name ? `.${name}` : ''}`);
    return canonicalJson(found.values ?? []);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function missing(message: string): TagboatError {
  return new TagboatError(message, { reason: 'MissingStepResult' });
}
