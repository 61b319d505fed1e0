import { readFile } from 'node:fs/promises';
import { parseYaml, type WorkspaceBinding } from '@tagboat/api';
import { invalid } from '@tagboat/base';

/** A workspace of the command line: a directory of this machine, or what Tekton binds. */
export type GivenWorkspace =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly binding: WorkspaceBinding };

/** What `tkn` has after `name=NAME,`: exactly one of these, `subPath` beside it. */
const sources = ['emptyDir', 'claimName', 'config', 'secret', 'volumeClaimTemplateFile'];

/**
 * Reads `NAME=PATH`, or what tkn's `--workspace` takes: `name=NAME,emptyDir=`, `name=NAME,claimName=CLAIM,subPath=DIR`,
 * `name=NAME,config=MAP`, `name=NAME,secret=SECRET`, `name=NAME,volumeClaimTemplateFile=FILE`.
 * @throws `Invalid`
 */
export async function givenWorkspace(name: string, text: string): Promise<GivenWorkspace> {
  if (name !== 'name' || !text.includes(',')) return { name, path: text };
  const [own = '', ...parts] = text.split(',');
  const fields = new Map(
    parts.map((part): [string, string] => {
      const [key = '', ...value] = part.split('=');
      return [key, value.join('=')];
    }),
  );
  const unknown = [...fields.keys()].find((key) => key !== 'subPath' && !sources.includes(key));
  const given = sources.filter((source) => fields.has(source));
  if (unknown !== undefined || given.length !== 1)
    throw invalid(
      `expected one of ${sources.map((source) => `${source}=`).join(', ')} for the workspace "${own}", found "${unknown ?? parts.join(',')}"`,
    );
  const subPath = fields.get('subPath');
  const source = await bindingOf(given[0]!, fields.get(given[0]!)!);
  return { name: own, binding: { name: own, ...source, ...(subPath ? { subPath } : {}) } };
}

async function bindingOf(source: string, value: string): Promise<Omit<WorkspaceBinding, 'name'>> {
  if (source === 'emptyDir') return { emptyDir: value === 'Memory' ? { medium: value } : {} };
  if (source === 'claimName') return { persistentVolumeClaim: { claimName: value } };
  if (source === 'config') return { configMap: { name: value } };
  if (source === 'secret') return { secret: { secretName: value } };
  const text = await readFile(value, 'utf8').catch(() => {
    throw invalid(`there is no file "${value}"`);
  });
  const [document] = parseYaml(text, value);
  const { spec } = (document?.value ?? {}) as { spec?: object };
  if (!spec) throw invalid(`expected a PersistentVolumeClaim with a spec in ${value}`);
  return { volumeClaimTemplate: { spec } } as Omit<WorkspaceBinding, 'name'>;
}
