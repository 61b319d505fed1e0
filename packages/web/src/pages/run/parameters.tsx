import { Link } from '@tanstack/react-router';
import { Empty } from '../../components/index.ts';
import type { LoadedRun } from './use-run.ts';

/** What the run was given: parameters and workspaces. */
export function Parameters({ loaded }: { loaded: LoadedRun }) {
  const { run, pipeline } = loaded;
  const described = new Map((pipeline.params ?? []).map((param) => [param.name, param]));
  const given = new Map((run.spec?.params ?? []).map(({ name, value }) => [name, value]));
  const names = [...new Set([...described.keys(), ...given.keys()])];
  if (names.length === 0) return <Empty title="This run takes no parameters" />;
  return (
    <div className="tb-columns">
      <section className="tb-panel">
        <h2>Parameters</h2>
        <table className="tb-plain">
          <tbody>
            {names.map((name) => {
              const value = given.get(name) ?? described.get(name)?.default ?? '';
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="tb-mono">
                    {typeof value === 'string' ? value || '–' : JSON.stringify(value)}
                  </td>
                  <td className="tb-quiet">
                    {given.has(name) ? (described.get(name)?.description ?? '') : 'default'}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      <section className="tb-panel">
        <h2>Workspaces</h2>
        <table className="tb-plain">
          <tbody>
            {(run.spec?.workspaces ?? []).map((workspace) => (
              <tr key={workspace.name}>
                <th scope="row">{workspace.name}</th>
                <td>{bindingText(workspace)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className="tb-gap tb-quiet">
          The model’s own parameters are in <code>tagboat.yaml</code>
          {loaded.summary.model && (
            <>
              ; see{' '}
              <Link
                to="/models/$project/$model"
                params={{ project: loaded.summary.project, model: loaded.summary.model }}
              >
                {loaded.summary.model}
              </Link>
            </>
          )}
          .
        </p>
      </section>
    </div>
  );
}

function bindingText(workspace: object): string {
  const { persistentVolumeClaim, volumeClaimTemplate, emptyDir, secret, configMap } = workspace as Record<
    string,
    { claimName?: string; secretName?: string; name?: string } | undefined
  >;
  if (persistentVolumeClaim) return `claim ${persistentVolumeClaim.claimName}`;
  if (volumeClaimTemplate) return 'a volume of this run';
  if (secret) return `secret ${secret.secretName}`;
  if (configMap) return `config map ${configMap.name}`;
  return emptyDir ? 'an empty directory' : 'other';
}
