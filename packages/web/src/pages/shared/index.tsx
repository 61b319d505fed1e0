import { PageSection, Title } from '@patternfly/react-core';
import type { Experiment } from '@tagboat/api';
import { useParams } from '@tanstack/react-router';
import { useEffect, useMemo } from 'react';
import { Ago, Failed, Loading } from '../../components/index.ts';
import { useJson } from '../../data/query.ts';
import {
  type Environment,
  environmentsOf,
  type ModelLike,
  type Service,
  versionsOf,
} from '../model/model-data.ts';
import { Overview } from '../model/overview.tsx';
import { TrafficCharts } from '../model/traffic.tsx';
import type { TrafficData } from '../model/use-traffic.ts';
import { Versions } from '../model/versions.tsx';
import '../model/model.css';

interface SharedModel {
  readonly model: ModelLike;
  readonly experiments: readonly Experiment[];
  readonly services: readonly Service[];
  readonly traffic: readonly (TrafficData & { readonly environment: string })[];
  readonly appsUrl: string;
  readonly expires?: string;
}

/** What a share link shows: one model, read-only, without the rest of the console. */
export default function SharedPage() {
  const { project = '', model = '' } = useParams({ strict: false });
  const data = useJson<SharedModel>(`/shared/${project}/${model}/data`);
  useEffect(() => {
    document.title = `${model} · Tagboat`;
  }, [model]);
  return (
    <main className="tb-shared" id="main">
      {data.error ? <Failed error={data.error} /> : data.data ? <Content data={data.data} /> : <Loading />}
    </main>
  );
}

function Content({ data }: { data: SharedModel }) {
  const { model, experiments, services, traffic, appsUrl, expires } = data;
  const environments = useMemo(() => environmentsOf(model, services), [model, services]);
  const versions = useMemo(() => versionsOf(experiments, environments), [experiments, environments]);
  const serving = environments.filter(({ place }) => place).at(-1);
  return (
    <div className="tb-stack">
      <PageSection hasBodyWrapper={false} className="tb-head">
        <Title headingLevel="h1" size="2xl">
          {model.metadata.name}
        </Title>
        <p className="tb-quiet">
          A machine learning model of the project {model.metadata.namespace}, to be looked at.
          {expires && (
            <>
              {' '}
              This link works until {day.format(Date.parse(expires))} (<Ago at={expires} />
              ).
            </>
          )}
        </p>
      </PageSection>
      <p>{sentenceOf(environments)}</p>
      <Overview {...{ model, environments, versions, appsUrl }} shared />
      {serving && (
        <>
          <h2 className="tb-heading">What the model shows</h2>
          <iframe
            className="tb-shared__frame"
            title={`Page of ${model.metadata.name}`}
            src={`${appsUrl}/${serving.namespace}/${model.metadata.name}/`}
            sandbox="allow-scripts allow-same-origin allow-popups"
          />
        </>
      )}
      {traffic
        .filter(({ requests }) => requests.length > 0)
        .map((one) => (
          <section key={one.environment} className="tb-stack" aria-label={`Traffic of ${one.environment}`}>
            <h2 className="tb-heading">Traffic of {one.environment}, last 24 hours</h2>
            <TrafficCharts data={one} />
          </section>
        ))}
      <h2 className="tb-heading">Versions</h2>
      <Versions model={model} versions={versions} shared />
    </div>
  );
}

const day = new Intl.DateTimeFormat('en', { dateStyle: 'long' });

/** Where the model answers, for somebody who sees it for the first time. */
function sentenceOf(environments: readonly Environment[]): string {
  const [serving, others] = [true, false].map((there) =>
    environments.filter(({ place }) => Boolean(place) === there),
  );
  if (serving!.length === 0) return 'No version of it is released yet.';
  const said = serving!.map(({ name, place, ready }) => {
    const version = place!.tag || 'A version';
    return `${version} ${ready ? 'answers' : 'is starting'} in ${name}`;
  });
  const missing = others!.map(({ name }) => name).join(' and ');
  return `${said.join(', ')}${missing ? `; nothing is released to ${missing} yet` : ''}.`;
}
