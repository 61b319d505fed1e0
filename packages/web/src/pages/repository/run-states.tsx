import { StatusIcon, To } from '../../components/index.ts';
import { useRepository } from './context.ts';

/** What a commit triggered: each run's state, as a link to it. */
export function RunStates({ commit }: { commit: string }) {
  const { runs } = useRepository();
  return (
    <span className="tb-run-states">
      {(runs.get(commit) ?? []).slice(0, 6).map(({ uid, project, name, state, kind }) => (
        <To key={uid} page={`/runs/${project}/${name}`} title={`${kind ?? 'run'} ${name}: ${state}`}>
          <StatusIcon status={state} title={`${kind ?? 'run'}: ${state}`} />
        </To>
      ))}
    </span>
  );
}
