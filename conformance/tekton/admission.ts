import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { KubernetesObject } from '@tagboat/api';
import { validateTekton } from '@tagboat/pipelines';
import { runCommand } from '@tagboat/process';

const usage = `npm run conformance:tekton-admission -- CHECKOUT [--verbose]
  Runs the validation tests of a checkout of Tekton's pipeline repository with Go, writes down every object that they
  validate with the verdict, and compares that with what is refused here. Cases whose only fault is a feature gate that
  is off are left out: all gates are open here.
  --verbose  also shows the objects whose verdict differs`;

const arguments_ = process.argv.slice(2);
const verbose = arguments_.includes('--verbose');
const [checkout] = arguments_.filter((argument) => !argument.startsWith('--'));
if (!checkout) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

interface Case {
  readonly kind: string;
  readonly object: Record<string, unknown>;
  /** Empty where Tekton takes the object. */
  readonly problem: string;
}

/** The packages of Tekton's types, with those whose validation is written down. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'pkg/apis/pipeline/v1': [
    ...['Task', 'TaskSpec', 'Pipeline', 'PipelineSpec'],
    ...['TaskRun', 'TaskRunSpec', 'PipelineRun', 'PipelineRunSpec', 'Step', 'PipelineTask'],
  ],
  'pkg/apis/pipeline/v1beta1': ['StepAction', 'StepActionSpec'],
};

/** Go that hands a validation through and writes down what was validated, unless another validation asked for it. */
const recorder = (name: string, types: readonly { type: string; receiver: string }[]) => `package ${name}

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"knative.dev/pkg/apis"
)

type withinValidation struct{}

var recording sync.Mutex

func recorded(ctx context.Context, kind string, object any, validate func(context.Context) *apis.FieldError) *apis.FieldError {
	outer := ctx.Value(withinValidation{}) == nil && !apis.IsInUpdate(ctx) && !apis.IsInDelete(ctx)
	text, failed := json.Marshal(object)
	problem := validate(context.WithValue(ctx, withinValidation{}, true))
	if outer && failed == nil {
		message := ""
		if problem != nil {
			message = problem.Error()
		}
		line, _ := json.Marshal(map[string]any{"kind": kind, "object": json.RawMessage(text), "problem": message})
		recording.Lock()
		defer recording.Unlock()
		file, err := os.OpenFile(os.Getenv("CASES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		defer file.Close()
		file.Write(append(line, '\\n'))
	}
	return problem
}
${types
  .map(
    ({ type, receiver }) => `
func (value ${receiver}${type}) Validate(ctx context.Context) *apis.FieldError {
	return recorded(ctx, "${type}", value, value.validateUnrecorded)
}
`,
  )
  .join('')}`;

/** What Go is to read instead of files of the checkout. */
async function overlayFor(path: string, types: readonly string[], directory: string) {
  const replaced: Record<string, string> = {};
  const found: { type: string; receiver: string }[] = [];
  const folder = resolve(checkout!, path);
  for (const name of await readdir(folder)) {
    if (!name.endsWith('_validation.go')) continue;
    const text = await readFile(join(folder, name), 'utf8');
    const changed = text.replace(
      /^func \((\w+) (\*?)(\w+)\) Validate\(ctx context\.Context\)/gm,
      (whole, self: string, receiver: string, type: string) => {
        if (!types.includes(type)) return whole;
        found.push({ type, receiver });
        return `func (${self} ${receiver}${type}) validateUnrecorded(ctx context.Context)`;
      },
    );
    if (changed === text) continue;
    const copy = join(directory, `${path.replaceAll('/', '-')}-${name}`);
    await writeFile(copy, changed);
    replaced[join(folder, name)] = copy;
  }
  const added = join(directory, `${path.replaceAll('/', '-')}-recorded.go`);
  await writeFile(added, recorder(path.split('/').at(-1)!, found));
  return { ...replaced, [join(folder, 'recorded.go')]: added };
}

async function casesOf(directory: string): Promise<Case[]> {
  const overlays = await Promise.all(
    Object.entries(packages).map(([path, types]) => overlayFor(path, types, directory)),
  );
  const overlay = join(directory, 'overlay.json');
  await writeFile(overlay, JSON.stringify({ Replace: Object.assign({}, ...overlays) }));
  const cases = join(directory, 'cases');
  const { stdout, stderr } = await runCommand(
    'go',
    [
      'test',
      '-overlay',
      overlay,
      '-vet=off',
      '-count=1',
      ...Object.keys(packages).map((path) => `./${path}`),
    ],
    { cwd: checkout!, env: { ...process.env, CASES: cases } },
  );
  const text = await readFile(cases, 'utf8').catch(() => {
    throw new Error(`Tekton's tests did not run: ${stdout}${stderr}`);
  });
  return [...new Set(text.trim().split('\n'))].map((line) => JSON.parse(line) as Case);
}

/** The object that the API would be given. */
function objectOf({ kind, object }: Case): KubernetesObject {
  const about = (of: string) => ({
    apiVersion: of === 'StepAction' ? 'tekton.dev/v1beta1' : 'tekton.dev/v1',
    kind: of,
  });
  if (kind === 'Step') return { ...about('Task'), metadata: { name: 'x' }, spec: { steps: [object] } };
  if (kind === 'PipelineTask')
    return { ...about('Pipeline'), metadata: { name: 'x' }, spec: { tasks: [object] } };
  if (kind.endsWith('Spec')) return { ...about(kind.slice(0, -4)), metadata: { name: 'x' }, spec: object };
  return { ...object, ...about(kind) } as KubernetesObject;
}

const gate = /feature gate|feature flag|enable-api-fields|requires "|must be set to/;

const directory = await mkdtemp(join(tmpdir(), 'tagboat-admission-'));
try {
  const cases = (await casesOf(directory)).filter(({ problem }) => !gate.test(problem));
  const seen = { refused: 0, invalid: 0, accepted: 0, valid: 0 };
  for (const one of cases) {
    const problems = validateTekton(objectOf(one), { mostCombinations: 256, forbiddenEnv: ['TEST_ENV'] });
    const part = one.kind === 'Step' || one.kind === 'PipelineTask';
    // A valid part is no valid whole.
    if (one.problem === '' && part) continue;
    const ours = problems.map(({ message, field }) => `${message}: ${field}`).join('; ');
    if (one.problem === '') seen.valid++;
    else seen.invalid++;
    if (one.problem === '' && ours === '') seen.accepted++;
    else if (one.problem !== '' && ours !== '') seen.refused++;
    else {
      const [what, why] = one.problem === '' ? ['refused', ours] : ['accepted', one.problem];
      process.stdout.write(`${what}: ${one.kind}: ${why.replaceAll('\n', '; ')}\n`);
      if (verbose) process.stdout.write(`  ${JSON.stringify(one.object)}\n`);
    }
  }
  process.stdout.write(
    `${seen.refused} of ${seen.invalid} invalid objects refused, ${seen.accepted} of ${seen.valid} valid ones accepted\n`,
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
