import { Alert, Button } from '@patternfly/react-core';
import SyncAltIcon from '@patternfly/react-icons/dist/esm/icons/sync-alt-icon';
import { kinds } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  ActionButton,
  Equivalent,
  Gate,
  PageFrame,
  PageTabs,
  Status,
  statusNamed,
  To,
  useTab,
} from '../../components/index.ts';
import { client } from '../../data/client.ts';
import { useObject } from '../../data/use-list.ts';
import { type Application, hostedAt, type Owner, ownerOf } from './application.ts';
import { Changes } from './changes.tsx';
import { EventsTab } from './events-tab.tsx';
import { History } from './history.tsx';
import { ReleaseDialog } from './release-dialog.tsx';
import { environmentPlace, planPromotion, planRollback } from './releases.ts';
import { Resources } from './resources.tsx';
import './deployment.css';

const tabs = [
  { key: 'resources', title: 'Resources' },
  { key: 'changes', title: 'Live and desired' },
  { key: 'history', title: 'History' },
  { key: 'events', title: 'Events' },
];

/** One application: what git declares, what runs, and the commits between. */
export default function DeploymentPage() {
  const { application: name = '' } = useParams({ strict: false });
  const application = useObject<Application>({ type: kinds.Application, namespace: 'argocd', name });
  const { object } = application;
  return (
    <PageFrame
      title={name}
      crumbs={[{ label: 'Deployments', to: '/deployments' }]}
      badge={
        object && (
          <span className="tb-row">
            <Status status={statusNamed(object.status?.health?.status)}>
              {object.status?.health?.status}
            </Status>
            <Status status={statusNamed(object.status?.sync?.status)}>{object.status?.sync?.status}</Status>
          </span>
        )
      }
      subtitle={object && <Subtitle application={object} />}
      actions={object && <Actions application={object} />}
      tabs={
        application.status === 'missing' ? undefined : <PageTabs tabs={tabs} label="Parts of this page" />
      }
    >
      <Gate of={[application]} what={`There is no application ${name}.`}>
        {() => <Content application={object!} />}
      </Gate>
    </PageFrame>
  );
}

function Subtitle({ application }: { application: Application }) {
  const owner = ownerOf(application);
  const { source, destination } = application.spec!;
  const hosted = hostedAt(source.repoURL);
  const where = `${source.path ?? '.'} of ${hosted ? `${hosted.project}/${hosted.name}` : source.repoURL}`;
  return (
    <>
      {owner && (
        <>
          <To page={`/models/${owner.project}/${owner.model}`}>{owner.model}</To> in {owner.environment} ·{' '}
        </>
      )}
      {hosted ? (
        <To page={`/projects/${hosted.project}/${hosted.name}?path=${source.path ?? ''}`}>{where}</To>
      ) : (
        where
      )}{' '}
      to namespace {destination.namespace}
    </>
  );
}

type Release = 'promote' | 'rollback';

function Actions({ application }: { application: Application }) {
  const { name } = application.metadata;
  const [releasing, setReleasing] = useState<Release>();
  const owner = ownerOf(application);
  const hosted = hostedAt(application.spec!.source.repoURL);
  const key = { type: kinds.Application, namespace: 'argocd', name };
  const model = useObject<Model>(owner && { type: kinds.Model, namespace: owner.project, name: owner.model });
  const target = owner && nextEnvironment(owner, model.object);
  return (
    <>
      <ActionButton
        label="Sync"
        icon={<SyncAltIcon />}
        command={`kubectl patch application ${name} -n argocd --type merge -p '{"operation":{"sync":{}}}'`}
        confirm={{
          title: `Sync ${name}?`,
          body: 'What the repository declares at its head is applied now: objects that differ are changed, and what is no longer declared is removed where the application prunes.',
        }}
        act={() => client.patch(key, { operation: { sync: {} } })}
      />
      {owner && hosted && (
        <>
          {target && (
            <span className="tb-action">
              <Button variant="primary" onClick={() => setReleasing('promote')}>
                Promote to {target}
              </Button>
              <Equivalent text={promotion(owner, target)} />
            </span>
          )}
          <span className="tb-action">
            <Button variant="secondary" onClick={() => setReleasing('rollback')}>
              Roll back
            </Button>
            <Equivalent text={rollback(owner)} />
          </span>
        </>
      )}
      {releasing === 'promote' && owner && hosted && target && (
        <ReleaseDialog
          title={`Promote ${owner.model} from ${owner.environment} to ${target}`}
          verb="Commit and promote"
          command={promotion(owner, target)}
          repository={hosted}
          environment={target}
          plan={() =>
            planPromotion(hosted, {
              from: environmentPlace(owner, owner.environment, model.object),
              to: environmentPlace(owner, target, model.object),
            })
          }
          onClose={() => setReleasing(undefined)}
        />
      )}
      {releasing === 'rollback' && owner && hosted && (
        <ReleaseDialog
          title={`Roll ${owner.model} back in ${owner.environment}`}
          verb="Commit and roll back"
          danger
          command={rollback(owner)}
          repository={hosted}
          environment={owner.environment}
          plan={() => planRollback(hosted, environmentPlace(owner, owner.environment, model.object))}
          onClose={() => setReleasing(undefined)}
        />
      )}
    </>
  );
}

const promotion = ({ model, environment }: Owner, target: string) =>
  `tagboat promote ${model} --from ${environment} --to ${target}`;
const rollback = ({ model, environment }: Owner) => `tagboat rollback ${model} -e ${environment}`;

/** The environment that the model declares after this one. */
function nextEnvironment({ environment }: Owner, model: Model | undefined): string | undefined {
  const names = (model?.spec?.deploy ?? []).map((target) => target.environment);
  const place = names.indexOf(environment);
  return place < 0 ? undefined : names[place + 1];
}

function Content({ application }: { application: Application }) {
  const tab = useTab(tabs);
  const { conditions = [] } = application.status ?? {};
  return (
    <div className="tb-stack">
      {conditions.map(({ type, message }) => (
        <Alert key={`${type} ${message}`} isInline variant="danger" title={type}>
          {message}
        </Alert>
      ))}
      {tab === 'changes' ? (
        <Changes application={application} />
      ) : tab === 'history' ? (
        <History application={application} />
      ) : tab === 'events' ? (
        <EventsTab application={application} />
      ) : (
        <Resources application={application} />
      )}
    </div>
  );
}
