import { FormSelect, FormSelectOption, FormSelectOptionGroup, Label } from '@patternfly/react-core';
import { kinds, type PullRequest, type Repository } from '@tagboat/api';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Suspense, useMemo } from 'react';
import {
  Command,
  Empty,
  Equivalent,
  Gate,
  Loading,
  PageFrame,
  PageTabs,
  useTab,
} from '../../components/index.ts';
import { cloneUrl } from '../../data/git.ts';
import { lazyPart } from '../../data/part.ts';
import { useList, useObject } from '../../data/use-list.ts';
import { useRuns } from '../../data/use-runs.ts';
import { byCommit, Context, type RepositoryContext, useRepository } from './context.ts';
import './repository.css';

const Files = lazyPart(() => import('./files.tsx'), 'Files');
const Commits = lazyPart(() => import('./commits.tsx'), 'Commits');
const Refs = lazyPart(() => import('./refs.tsx'), 'Refs');
const Compare = lazyPart(() => import('./compare.tsx'), 'Compare');
const Pulls = lazyPart(() => import('./pulls.tsx'), 'Pulls');

interface Search {
  readonly tab?: string;
  readonly ref?: string;
  readonly commit?: string;
  readonly pull?: string;
}

/** A link from elsewhere may name a commit or a pull request alone. */
const impliedTab = ({ tab, commit, pull }: Search) =>
  tab ? undefined : commit ? 'commits' : pull ? 'pulls' : undefined;

/** A repository: its files, history and refs, what they triggered, and proposed changes. */
export default function RepositoryPage() {
  const { project = '', repository: name = '' } = useParams({ strict: false });
  const object = useObject<Repository>({ type: kinds.Repository, namespace: project, name });
  const pulls = useList<PullRequest>(kinds.PullRequest, { namespace: project });
  const open = pulls.items.filter(({ spec }) => spec?.repository === name && spec.state === 'open').length;
  const tabs = [
    { key: 'files', title: 'Files' },
    { key: 'commits', title: 'Commits' },
    { key: 'tags', title: 'Tags' },
    { key: 'branches', title: 'Branches' },
    { key: 'compare', title: 'Compare' },
    { key: 'pulls', title: open > 0 ? `Pull requests (${open})` : 'Pull requests' },
  ];
  const search: Search = useSearch({ strict: false });
  const url = object.object && cloneUrl(object.object);
  return (
    <PageFrame
      title={name}
      crumbs={[{ label: 'Projects', to: '/projects' }]}
      badge={object.object && <Kind repository={object.object} />}
      subtitle={`Repository of ${project}`}
      actions={
        url && (
          <span className="tb-clone tb-clone--head">
            <Equivalent text={`git clone ${url}`} />
          </span>
        )
      }
      tabs={
        object.status === 'missing' ? undefined : (
          <PageTabs tabs={tabs} label="Parts of this page" current={impliedTab(search)} />
        )
      }
    >
      <Gate of={[object]} what={`There is no repository ${project}/${name}.`}>
        {() => <Opened object={object.object!} tab={<Part tabs={tabs} />} />}
      </Gate>
    </PageFrame>
  );
}

function Kind({ repository: { spec } }: { repository: Repository }) {
  if (spec?.role === 'deployment') return <Label color="purple">deployment</Label>;
  return spec?.url ? <Label color="teal">followed</Label> : <Label color="blue">hosted here</Label>;
}

function Opened({ object, tab }: { object: Repository; tab: React.ReactNode }) {
  const search: Search = useSearch({ strict: false });
  const { namespace: project = '', name } = object.metadata;
  const filter = useMemo(() => ({ project, repository: name }), [project, name]);
  const { runs } = useRuns(filter, { limit: 500 });
  const refs = object.status?.refs ?? {};
  const defaultBranch = object.status?.defaultBranch ?? 'main';
  const ref = search.ref ?? (refs[`refs/heads/${defaultBranch}`] ? defaultBranch : undefined);
  const context: RepositoryContext = useMemo(
    () => ({
      repository: { project, name },
      object,
      ref,
      defaultBranch,
      runs: byCommit(runs),
      page: (parameters) => {
        const all = parameters.commit ? { tab: 'commits', ...parameters } : parameters;
        const given = Object.entries(all).filter((entry): entry is [string, string] => Boolean(entry[1]));
        return `/projects/${project}/${name}?${new URLSearchParams(given)}`;
      },
    }),
    [project, name, object, ref, defaultBranch, runs],
  );
  if (ref === undefined)
    return (
      <Empty
        title="Nothing is pushed yet"
        actions={<Command text={`git push ${object.status?.url ?? ''} HEAD:${defaultBranch}`} />}
      >
        From a working copy:
      </Empty>
    );
  return <Context value={context}>{tab}</Context>;
}

function Part({ tabs }: { tabs: readonly { key: string; title: string }[] }) {
  const named = useTab(tabs);
  const search: Search = useSearch({ strict: false });
  const tab = impliedTab(search) ?? named;
  return (
    <Suspense fallback={<Loading />}>
      {tab === 'commits' ? (
        <Commits />
      ) : tab === 'tags' || tab === 'branches' ? (
        <Refs kind={tab} />
      ) : tab === 'compare' ? (
        <Compare />
      ) : tab === 'pulls' ? (
        <Pulls />
      ) : (
        <Files />
      )}
    </Suspense>
  );
}

/** More are found on the pages of tags and branches. */
const mostRefs = 200;

/** Chooses the branch or tag that is looked at. */
export function RefSelect({
  label,
  value,
  onChange,
}: {
  label: string;
  value?: string;
  onChange?: (ref: string) => void;
}) {
  const { object, ref } = useRepository();
  const navigate = useNavigate();
  const search: Search = useSearch({ strict: false });
  const names = Object.keys(object.status?.refs ?? {});
  const of = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const chosen = value ?? ref ?? '';
  const branches = of('refs/heads/').slice(0, mostRefs);
  const tags = of('refs/tags/').reverse();
  const known = [...branches, ...tags.slice(0, mostRefs)];
  const change =
    onChange ?? ((next: string) => void navigate({ to: '.', search: { ...search, ref: next } as never }));
  return (
    <FormSelect
      className="tb-narrow"
      aria-label={label}
      value={chosen}
      onChange={(_event, next) => change(next)}
    >
      {!known.includes(chosen) && (
        <FormSelectOption
          value={chosen}
          label={
            /^[0-9a-f]{40}$/.test(chosen)
              ? chosen.slice(0, 10)
              : chosen.replace(/^refs\/pull\/(\d+)\/head$/, 'pull request $1')
          }
        />
      )}
      <FormSelectOptionGroup label="Branches">
        {branches.map((name) => (
          <FormSelectOption key={name} value={name} label={name} />
        ))}
      </FormSelectOptionGroup>
      <FormSelectOptionGroup label={tags.length > mostRefs ? `Tags, ${mostRefs} of ${tags.length}` : 'Tags'}>
        {tags.slice(0, mostRefs).map((name) => (
          <FormSelectOption key={name} value={name} label={name} />
        ))}
      </FormSelectOptionGroup>
    </FormSelect>
  );
}
