import { describeError, formatLocation, isDiskFull, type Location, TagboatError } from '@tagboat/base';
import { withoutCredentials } from './index-settings.ts';
import { normalizeName } from './pep508.ts';
import type { RequirementLine, Requirements } from './types.ts';

/** What uv printed: its error, what caused it, and what else it says. */
interface Said {
  readonly headline: string;
  readonly causes: readonly string[];
  /** Everything, on one line. */
  readonly text: string;
  /** Everything, as it was printed. */
  readonly raw: string;
}

/** uv's words about what went wrong, as an error that names the package and where it is asked for. */
export function explainUv(stderr: string, requirements: Requirements): TagboatError {
  const said = parse(withoutCredentials(stderr));
  return (
    fullDisk(said) ??
    refusedLogin(said, requirements) ??
    notOnIndex(said, requirements) ??
    gitFailed(said, requirements) ??
    unreachable(said, requirements) ??
    buildFailed(said, requirements) ??
    unsatisfiable(said, requirements)
  );
}

function parse(raw: string): Said {
  const [main = ''] = raw.split(/^hint: /m);
  const [head = '', ...causes] = main
    .replace(/^[\s\S]*?^error: /m, '')
    .split(/^\s*(?:cause: |╰─▶ |├─▶ )/m)
    .map(oneLine);
  return { headline: head, causes, text: oneLine(raw), raw };
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** The line that asks for a package. */
function lineOf(name: string | undefined, requirements: Requirements): RequirementLine | undefined {
  const wanted = name && normalizeName(name);
  return [...requirements.lines, ...requirements.constraints].find((line) => line.name === wanted);
}

const locationOf = (name: string | undefined, requirements: Requirements): { location?: Location } => {
  const line = lineOf(name, requirements);
  return line ? { location: line.source } : {};
};

const thePackage = (name: string | undefined) => (name ? `the package "${name}"` : 'a package');

const noSpace = /No space left on device|os error 28\b|Disk quota exceeded/i;

const fullDisk = ({ text }: Said): TagboatError | undefined => (noSpace.test(text) ? diskFull() : undefined);

const diskFull = (cause?: unknown): TagboatError =>
  new TagboatError('the disk is full: the packages could not be put into the environment', {
    reason: 'DiskFull',
    hint: 'free some space where the state directory is, and run it again',
    cause,
  });

/** Does something that writes to the disk. @throws `DiskFull` in words for people, whoever it was that found no space */
export async function explainFullDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isDiskFull(error) || noSpace.test(describeError(error)) ? diskFull(error) : error;
  }
}

function refusedLogin({ text }: Said, requirements: Requirements): TagboatError | undefined {
  const refused =
    /index URL \((\S+?)\) could not be queried due to (?:a lack of valid authentication credentials|.*?) \((40[13])/i.exec(
      text,
    ) ?? /HTTP status client error \(()(40[13])/i.exec(text);
  if (!refused) return undefined;
  const name = missingName(text) ?? packageOf(urlIn(text));
  return new TagboatError(
    `${thePackage(name)} cannot be fetched: ${refused[1] || urlIn(text) || 'the package index'} refused the login (${refused[2]})`,
    {
      reason: 'Unauthorized',
      retryable: false,
      hint: loginHint(requirements),
      ...locationOf(name, requirements),
    },
  );
}

/** By which Secret runs know the logins of package indexes (the built-in Tasks take it as variables). */
const indexSecret = 'package-index';

function loginHint({ options }: Requirements): string {
  const named = options.flatMap(({ value }) =>
    [...value.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map((match) => match[1]),
  );
  const variables = named.length > 0 ? named : ['INDEX_USER', 'INDEX_PASSWORD'];
  const [user, password] = variables;
  const url = named.length > 0 ? '' : `write the URL as https://\${${user}}:\${${password}}@host/..., and `;
  return `${url}keep the login in a Secret: tagboat secret set ${indexSecret} ${variables.map((name) => `${name}=...`).join(' ')}`;
}

const missingName = (text: string) =>
  /Because ([\w.-]+) was not found in the (?:package registry|provided package locations)/i.exec(text)?.[1];

function notOnIndex({ text }: Said, requirements: Requirements): TagboatError | undefined {
  const name = missingName(text);
  if (!name) return undefined;
  return new TagboatError(`the package "${name}" is not on the package index`, {
    reason: 'PackageNotFound',
    retryable: false,
    hint: 'check its spelling, or the index it comes from',
    ...locationOf(name, requirements),
  });
}

function gitFailed({ headline, raw, text }: Said, requirements: Requirements): TagboatError | undefined {
  if (!/Git operation failed/i.test(text)) return undefined;
  const [, name, url = ''] = /`([\w.-]+)(?:\[[^\]]*\])? @ ([^`]+)`/.exec(headline) ?? [];
  const why = /^\s*(?:fatal|error|remote): (.+)$/m.exec(raw.split('--- stderr')[1] ?? '')?.[1];
  const isDirectory = url.startsWith('git+file:');
  return new TagboatError(`${thePackage(name)} cannot be fetched from ${url}: ${why ?? 'git failed'}`, {
    reason: /resolve host|Connection|timed out/i.test(why ?? '') ? 'NetworkUnavailable' : 'PackageNotFound',
    hint: isDirectory
      ? 'runs see no directories of this machine: push it to a git server, or put its code into the repository and name its directory'
      : 'check the URL and the tag or branch after "@", and that the server lets this machine read it',
    ...locationOf(name, requirements),
  });
}

const urlIn = (text: string) => /https?:\/\/[^\s`)]+/.exec(text)?.[0];

/** The package that a URL of an index is about. */
function packageOf(url: string | undefined): string | undefined {
  const path = url && URL.canParse(url) ? new URL(url).pathname : '';
  const page = /\/([\w.-]+)\/$/.exec(path)?.[1];
  const file = /\/([A-Za-z0-9_.]+?)-\d[^/]*\.(?:whl|tar\.gz|zip)(?:\.metadata)?$/.exec(path)?.[1];
  return page ?? file?.replaceAll('_', '-');
}

function unreachable({ headline, text }: Said, requirements: Requirements): TagboatError | undefined {
  const isNetwork =
    /dns error|error sending request|Connection refused|Could not connect|network|timed out|offline/i;
  if (!isNetwork.test(text)) return undefined;
  const url = urlIn(text);
  const name = /`([\w.-]+)(?:==[^`]*)?`/.exec(headline)?.[1] ?? packageOf(url);
  return new TagboatError(
    `${name ? `the package "${name}" cannot be fetched` : 'packages cannot be fetched'}: no connection to ${url ?? 'the package index'}`,
    {
      reason: 'NetworkUnavailable',
      hint: 'check the network, the proxy and PIP_INDEX_URL',
      ...locationOf(name, requirements),
    },
  );
}

function buildFailed({ headline, raw, text }: Said, requirements: Requirements): TagboatError | undefined {
  if (!/build backend returned an error|Failed to build/i.test(text)) return undefined;
  const name = /`([\w.-]+)(?:==| @ |`)/.exec(headline)?.[1];
  const output = raw.split('[stderr]')[1]?.split(/^hint: /m)[0] ?? '';
  const last = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(-3)
    .join('; ');
  return new TagboatError(
    `${thePackage(name)} cannot be built from its source${last ? `: ${last.slice(0, 400)}` : ''}`,
    {
      reason: 'BuildFailed',
      retryable: false,
      hint: 'ask for a version that has a wheel for this Python, or install what the build misses',
      ...locationOf(name, requirements),
    },
  );
}

function unsatisfiable({ headline, causes }: Said, requirements: Requirements): TagboatError {
  const isResolution = /^No solution found/.test(headline);
  const why = (isResolution ? causes : [headline, ...causes]).join(': ');
  const plain = why
    .replace(/,? we can conclude that your requirements are unsatisfiable\.?$/, '')
    .replace(/^Because /, '')
    .replace(/\bAnd because (?=you require [^,]*$)/, 'And ');
  const asked = [...new Set([...plain.matchAll(/you require ([\w.-]+)/g)].map((match) => match[1]!))];
  const named = [...asked, ...[...plain.matchAll(/([\w.-]+?)[=<>!~]=?/g)].map((match) => match[1]!)];
  const lines = [...new Set(named.map((name) => lineOf(name, requirements)))].filter(
    (line) => line !== undefined,
  );
  const places = lines.map(({ requirement, source }) => `"${requirement}" in ${formatLocation(source)}`);
  return new TagboatError(
    `the requirements cannot be met: ${plain.slice(0, 600)}${lines.length > 1 ? ` (${places.join(', ')})` : ''}`,
    {
      reason: 'UnsatisfiableRequirements',
      retryable: false,
      location: lines[0]?.source ?? { file: requirements.file },
      ...(/current Python version/.test(plain)
        ? { hint: 'ask for an older version, or for another Python by environment.python in tagboat.yaml' }
        : {}),
    },
  );
}
