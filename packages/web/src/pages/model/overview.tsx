import { Label } from '@patternfly/react-core';
import { Ago, Command, Empty, Facts, Status, StatusIcon, To } from '../../components/index.ts';
import {
  type Environment,
  gatesOf,
  type ModelLike,
  newestVersion,
  numberText,
  shortDigest,
  type Version,
} from './model-data.ts';

export interface OverviewProps {
  readonly model: ModelLike;
  readonly environments: readonly Environment[];
  readonly versions: readonly Version[];
  readonly appsUrl: string | undefined;
  /** A share link's page leads nowhere else. */
  readonly shared?: boolean;
}

/** What runs where, and how the newest version stands at the gates. */
export function Overview({ model, environments, versions, appsUrl, shared }: OverviewProps) {
  const newest = newestVersion(versions);
  const before = newest && newestVersion(versions.slice(versions.indexOf(newest) + 1));
  return (
    <div className="tb-stack">
      <div className="tb-columns">
        {environments.map((environment) => (
          <EnvironmentPanel key={environment.name} {...{ environment, model, appsUrl, versions, shared }} />
        ))}
      </div>
      <div className="tb-columns">
        <Gates model={model} newest={newest} shared={shared} />
        <Metrics newest={newest} before={before} />
      </div>
    </div>
  );
}

function EnvironmentPanel(props: Omit<OverviewProps, 'environments'> & { environment: Environment }) {
  const { environment, model, appsUrl, shared } = props;
  const { place, service, ready, message, name, namespace } = environment;
  const { name: modelName, namespace: project } = model.metadata;
  if (!place || !service)
    return (
      <section className="tb-panel tb-environment" aria-label={name}>
        <div className="tb-environment__head">
          <h2>{name}</h2>
        </div>
        <p className="tb-quiet">Nothing is released here yet.</p>
        {!shared && name !== 'staging' && <Command text={`tagboat promote ${modelName} --to ${name}`} />}
      </section>
    );
  return (
    <section className="tb-panel tb-environment" aria-label={name}>
      <div className="tb-environment__head">
        <h2>{shared ? name : <To page={`/deployments/${project}-${modelName}-${name}`}>{name}</To>}</h2>
        <Status status={ready ? 'healthy' : 'progressing'}>
          {ready ? 'Serving' : (message ?? 'Starting')}
        </Status>
      </div>
      <p className="tb-environment__tag">{place.tag || shortDigest(place.modelDigest)}</p>
      <p className="tb-quiet">
        model <span className="tb-mono">{shortDigest(place.modelDigest)}</span> · commit{' '}
        <span className="tb-mono">{place.commit.slice(0, 10)}</span>
      </p>
      <p className="tb-quiet">
        {!shared && (
          <>
            released by <To page={`/runs/${project}/${place.run}`}>{place.run}</To>
          </>
        )}
      </p>
      {appsUrl !== undefined && (
        <p>
          <a href={`${appsUrl}/${namespace}/${modelName}/`} target="_blank" rel="noopener noreferrer">
            Open what it shows
          </a>
        </p>
      )}
    </section>
  );
}

interface GatesProps extends Pick<OverviewProps, 'model' | 'shared'> {
  readonly newest: Version | undefined;
}

function Gates({ model, newest, shared }: GatesProps) {
  const gates = gatesOf(model, newest?.spec.metrics ?? {});
  return (
    <section className="tb-panel" aria-label="Gates">
      <div className="tb-panel__head">
        <h2>Gates</h2>
        {newest && <span className="tb-quiet">{newest.name}</span>}
      </div>
      <p className="tb-quiet">What a version must meet before it is released.</p>
      {gates.length === 0 ? (
        <p className="tb-quiet">
          None: every version that trains is released.
          {!shared && (
            <>
              {' '}
              <code>evaluate.gates</code> in tagboat.yaml sets them.
            </>
          )}
        </p>
      ) : (
        <div className="tb-gates tb-gap">
          {gates.map(({ gate, value, passed, wanted }) => (
            <div className="tb-gate" key={`${gate.metric} ${wanted}`}>
              {newest ? (
                <StatusIcon
                  status={passed ? 'succeeded' : 'failed'}
                  title={passed ? 'Passed' : 'Not passed'}
                />
              ) : (
                <StatusIcon status="pending" title="Not measured yet" />
              )}
              <span>
                {gate.metric} <span className="tb-quiet">{wanted}</span>
              </span>
              <strong className="tb-number">{numberText(value)}</strong>
            </div>
          ))}
        </div>
      )}
    </section>
  );
}

function Metrics({ newest, before }: { newest: Version | undefined; before: Version | undefined }) {
  if (!newest)
    return (
      <section className="tb-panel" aria-label="Metrics">
        <Empty title="No version yet">Push a tag, and its metrics stand here.</Empty>
      </section>
    );
  return (
    <section className="tb-panel" aria-label="Metrics">
      <div className="tb-panel__head">
        <h2>Metrics of {newest.name}</h2>
        <span className="tb-quiet">
          <Ago at={newest.at} />
        </span>
      </div>
      <Facts
        arranged="tight"
        facts={Object.entries(newest.spec.metrics).map(([name, value]) => [
          name,
          <span key={name} className="tb-number">
            {numberText(value)} <Change now={value} before={before?.spec.metrics[name]} />
          </span>,
        ])}
      />
    </section>
  );
}

/** How a number changed; nothing where it did not. */
export function Change({ now, before }: { now: number | null; before: number | null | undefined }) {
  if (now === null || before === null || before === undefined || now === before) return null;
  const change = now - before;
  return (
    <Label isCompact variant="outline">
      {change > 0 ? '+' : '−'}
      {numberText(Math.abs(change))}
    </Label>
  );
}
