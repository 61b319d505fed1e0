import { stringify } from 'yaml';
import { Equivalent } from '../../components/index.ts';
import type { LoadedRun } from './use-run.ts';

/** The whole object, as kubectl prints it. */
export function RunYaml({ loaded: { run } }: { loaded: LoadedRun }) {
  const { name, namespace } = run.metadata;
  return (
    <>
      <Equivalent text={`kubectl get pipelinerun ${name} -n ${namespace} -o yaml`} />
      <pre className="tb-yaml" tabIndex={0}>
        {stringify(run)}
      </pre>
    </>
  );
}
