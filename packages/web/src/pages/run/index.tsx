import { Tab, Tabs, TabTitleText } from '@patternfly/react-core';
import { useNavigate } from '@tanstack/react-router';
import { Gate, Loading, PageFrame, Status } from '../../components/index.ts';
import { CompareRuns } from './compare.tsx';
import { RunNotebook } from './notebook.tsx';
import { Parameters } from './parameters.tsx';
import { Results } from './results.tsx';
import { RunActions } from './run-actions.tsx';
import { RunFacts } from './run-facts.tsx';
import { RunProblem } from './run-problem.tsx';
import { RunTasks } from './run-tasks.tsx';
import { RunYaml } from './run-yaml.tsx';
import { type LoadedRun, useRun, useRunAddress, useRunSearchParams } from './use-run.ts';
import './run.css';

const crumbs = [{ label: 'Runs', to: '/runs' }];

const tabs = {
  tasks: { title: 'Tasks', view: (run: LoadedRun) => <RunTasks loaded={run} />, fills: true },
  results: { title: 'Results', view: (run: LoadedRun) => <Results loaded={run} />, fills: false },
  notebook: { title: 'Notebook', view: (run: LoadedRun) => <RunNotebook loaded={run} />, fills: false },
  parameters: { title: 'Parameters', view: (run: LoadedRun) => <Parameters loaded={run} />, fills: false },
  compare: { title: 'Compare', view: (run: LoadedRun) => <CompareRuns loaded={run} />, fills: false },
  yaml: { title: 'YAML', view: (run: LoadedRun) => <RunYaml loaded={run} />, fills: false },
} as const;

const contentId = 'run-content';

type TabName = keyof typeof tabs;

export default function RunPage() {
  const address = useRunAddress();
  const { sources, loaded } = useRun(address);
  if (!loaded)
    return (
      <PageFrame title={address.run} crumbs={crumbs}>
        <Gate of={sources} what={`There is no run ${address.project}/${address.run}, or not any more.`}>
          {() => <Loading />}
        </Gate>
      </PageFrame>
    );
  return <LoadedPage loaded={loaded} />;
}

function LoadedPage({ loaded }: { loaded: LoadedRun }) {
  const search = useRunSearchParams();
  const navigate = useNavigate();
  const name: TabName = search.tab !== undefined && search.tab in tabs ? (search.tab as TabName) : 'tasks';
  const { summary } = loaded;
  const open = (tab: string | number) =>
    navigate({
      to: '.',
      search: { ...search, tab: tab === 'tasks' ? undefined : String(tab) },
      replace: true,
    });
  return (
    <PageFrame
      title={summary.name}
      crumbs={crumbs}
      badge={<Status status={summary.state} />}
      actions={<RunActions loaded={loaded} />}
      fills={tabs[name].fills}
      tabs={
        <>
          <RunFacts summary={summary} />
          <Tabs activeKey={name} onSelect={(_event, key) => void open(key)} aria-label="About this run">
            {Object.entries(tabs).map(([key, { title }]) => (
              <Tab
                key={key}
                eventKey={key}
                tabContentId={contentId}
                title={<TabTitleText>{title}</TabTitleText>}
              />
            ))}
          </Tabs>
        </>
      }
    >
      <RunProblem loaded={loaded} />
      <div
        id={contentId}
        role="tabpanel"
        aria-label={tabs[name].title}
        className={tabs[name].fills ? 'tb-fills' : ''}
      >
        {tabs[name].view(loaded)}
      </div>
    </PageFrame>
  );
}
