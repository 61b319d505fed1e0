import { Button, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import ShareAltIcon from '@patternfly/react-icons/dist/esm/icons/share-alt-icon';
import { type Experiment, findCondition, kinds } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import { recordInputsAnnotation, retrainAnnotation, runLabels } from '@tagboat/render/run-labels';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Fragment, type ReactNode, Suspense, useMemo, useState } from 'react';
import {
  ActionButton,
  Empty,
  Gate,
  Loading,
  PageFrame,
  PageTabs,
  Status,
  To,
  useTab,
} from '../../components/index.ts';
import { useAbout } from '../../data/about.ts';
import { client } from '../../data/client.ts';
import { outcomeWords } from '../../data/outcome-words.ts';
import { lazyPart } from '../../data/part.ts';
import { useList, useObject } from '../../data/use-list.ts';
import { LineageTab } from './lineage-tab.tsx';
import { type Environment, environmentsOf, type Service, type Version, versionsOf } from './model-data.ts';
import { Overview } from './overview.tsx';
import { ShareDialog } from './share-dialog.tsx';
import { useRecentRequests } from './use-traffic.ts';
import './model.css';

const Versions = lazyPart(() => import('./versions.tsx'), 'Versions');
const Traffic = lazyPart(() => import('./traffic.tsx'), 'Traffic');
const Drift = lazyPart(() => import('./drift.tsx'), 'Drift');
const TryIt = lazyPart(() => import('./try-it.tsx'), 'TryIt');

const tabs = [
  { key: 'overview', title: 'Overview' },
  { key: 'versions', title: 'Versions' },
  { key: 'lineage', title: 'Lineage' },
  { key: 'try', title: 'Try it' },
  { key: 'traffic', title: 'Traffic' },
  { key: 'drift', title: 'Drift' },
];

export default function ModelPage() {
  const { project = '', model: name = '' } = useParams({ strict: false });
  const model = useObject<Model>({ type: kinds.Model, namespace: project, name });
  const [sharing, setSharing] = useState(false);
  return (
    <PageFrame
      title={name}
      subtitle={
        <>
          Model of <To page={`/projects/${project}/${model.object?.spec?.repository ?? ''}`}>{project}</To>
        </>
      }
      crumbs={[{ label: 'Models', to: '/models' }]}
      badge={model.object && <Notices model={model.object} />}
      tabs={model.status === 'missing' ? undefined : <PageTabs tabs={tabs} label="Parts of this page" />}
      actions={
        model.status === 'missing' ? undefined : (
          <>
            <Button variant="secondary" icon={<ShareAltIcon />} onClick={() => setSharing(true)}>
              Share
            </Button>
            <ActionButton
              label="Retrain"
              command={`tagboat retrain ${name}`}
              confirm={{
                title: `Retrain ${name}?`,
                body: 'A candidate is trained on the present data and evaluated beside what is deployed, on the same data. Only if it passes the gates and is not worse does it become a commit and a tag.',
              }}
              act={() =>
                client.patch(
                  { type: kinds.Model, namespace: project, name },
                  {
                    metadata: { annotations: { [retrainAnnotation]: new Date().toISOString() } },
                  },
                )
              }
            />
          </>
        )
      }
    >
      <Gate of={[model]} what={`There is no model ${project}/${name}.`}>
        {() => <Content model={model.object!} />}
      </Gate>
      {sharing && <ShareDialog project={project} model={name} onClose={() => setSharing(false)} />}
    </PageFrame>
  );
}

function Notices({ model }: { model: Model }) {
  const { lastRetrain } = model.status ?? {};
  if (!lastRetrain) return null;
  const status = { Tagged: 'succeeded', Refused: 'warning', Failed: 'failed' }[lastRetrain.outcome] ?? 'info';
  return (
    <span title={lastRetrain.message}>
      <Status status={status as 'info'}>last retraining: {outcomeWords(lastRetrain.outcome)}</Status>
    </span>
  );
}

function Content({ model }: { model: Model }) {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const experiments = useList<Experiment>(kinds.Experiment, {
    namespace: project,
    labelSelector: `${runLabels.model}=${name}`,
  });
  const services = useList<Service>(kinds.InferenceService);
  const environments = useMemo(() => environmentsOf(model, services.items), [model, services.items]);
  const versions = useMemo(
    () => versionsOf(experiments.items, environments),
    [experiments.items, environments],
  );
  return (
    <Gate of={[experiments, services]}>
      {() => (
        <Suspense fallback={<Loading />}>
          <Tab {...{ model, versions, environments }} />
        </Suspense>
      )}
    </Gate>
  );
}

interface TabProps {
  readonly model: Model;
  readonly versions: readonly Version[];
  readonly environments: readonly Environment[];
}

function Tab({ model, versions, environments }: TabProps) {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const appsUrl = useAbout()?.appsUrl;
  const tab = useTab(tabs);
  switch (tab) {
    case 'versions':
      return <Versions model={model} versions={versions} />;
    case 'lineage':
      return <Lineage {...{ project, model: name, versions, environments }} />;
    case 'try':
      return <TryIt model={name} environments={environments} appsUrl={appsUrl} />;
    case 'traffic':
      return (
        <OfEnvironment tab="traffic" environments={environments}>
          {(environment, chooser) => (
            <Traffic
              {...{ project, model: name, environment, chooser }}
              recordsInputs={model.metadata.annotations?.[recordInputsAnnotation] === 'true'}
            />
          )}
        </OfEnvironment>
      );
    case 'drift':
      return (
        <OfEnvironment tab="drift" environments={environments}>
          {(environment, chooser) => (
            <Drift
              {...{ project, model: name, environment, chooser }}
              said={findCondition(model.status?.conditions, 'Drifting')?.message}
            />
          )}
        </OfEnvironment>
      );
    default:
      return <Overview {...{ model, environments, versions, appsUrl }} />;
  }
}

function Lineage(props: Omit<Parameters<typeof LineageTab>[0], 'requests'>) {
  const { environments, model } = props;
  const [first, second] = environments.filter(({ place }) => place);
  const staging = useRecentRequests(first?.namespace, model).data?.length ?? 0;
  const production = useRecentRequests(second?.namespace, model).data?.length ?? 0;
  const requests = useMemo(
    () =>
      new Map([
        [first?.namespace ?? '', staging],
        [second?.namespace ?? '', production],
      ]),
    [first, second, staging, production],
  );
  return <LineageTab {...props} requests={requests} />;
}

interface OfEnvironmentProps {
  readonly tab: string;
  readonly environments: readonly Environment[];
  readonly children: (environment: Environment, chooser: ReactNode) => ReactNode;
}

/** What is about one of the environments that serve, with the means to choose another. */
function OfEnvironment({ tab, environments, children }: OfEnvironmentProps) {
  const search: { environment?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const serving = environments.filter(({ place }) => place);
  const environment = serving.find(({ name }) => name === search.environment) ?? serving.at(-1);
  if (!environment) return <Empty title="Nothing is released yet">What is served is measured here.</Empty>;
  return (
    <Fragment key={environment.namespace}>
      {children(
        environment,
        <ToggleGroup aria-label="Environment">
          {serving.map(({ name }) => (
            <ToggleGroupItem
              key={name}
              text={name}
              buttonId={`environment-${name}`}
              isSelected={name === environment.name}
              onChange={() => void navigate({ to: '.', search: { tab, environment: name } as never })}
            />
          ))}
        </ToggleGroup>,
      )}
    </Fragment>
  );
}
