import { Button } from '@patternfly/react-core';
import type { Finding, Health } from '@tagboat/api';
import { Command, Failed, Loading, PageFrame, Status, type StatusName } from '../../components/index.ts';
import { type About, useAbout } from '../../data/about.ts';
import { useJson } from '../../data/query.ts';
import { setTheme, useTheme } from '../../shell/theme.ts';
import { Storage } from './storage.tsx';
import './settings.css';

/** What is embedded and what is outside, how much space is used, how pods run, and what the doctor finds. */
export default function SettingsPage() {
  const about = useAbout();
  const health = useJson<Health>('/tagboat/health');
  return (
    <PageFrame
      title="Settings and health"
      actions={
        <Button variant="secondary" isLoading={health.isFetching} onClick={() => void health.refetch()}>
          Look again
        </Button>
      }
    >
      {health.error ? (
        <Failed error={health.error} retry={() => void health.refetch()} />
      ) : !health.data || !about ? (
        <Loading rows={10} label="Looks at this machine" />
      ) : (
        <div className="tb-columns">
          <Findings findings={health.data.findings} />
          <Ports ports={health.data.ports} />
          <Storage health={health.data} home={about.home} />
          <Pods about={about} />
          <Preferences />
          <SignOut />
        </div>
      )}
    </PageFrame>
  );
}

const states: Readonly<Record<Finding['state'], StatusName>> = {
  ok: 'succeeded',
  missing: 'failed',
  note: 'warning',
};

function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <section className="tb-panel">
      <h2>Doctor</h2>
      <table className="tb-plain">
        <tbody>
          {findings.map(({ what, state, found }) => (
            <tr key={what}>
              <th scope="row">
                <Status status={states[state]}>{what}</Status>
              </th>
              <td>{found}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="tb-gap">
        <Command text="tagboat doctor" />
      </div>
    </section>
  );
}

const meanings: Readonly<Record<string, string>> = {
  code: 'Git repositories',
  cluster: 'Kubernetes API',
  registry: 'Images and artifacts',
  tracking: 'Experiments',
  metrics: 'Prometheus',
  identity: 'Who may sign in',
  inference: 'Served models',
  notebooks: 'Workbenches',
};

function Ports({ ports }: { ports: Health['ports'] }) {
  return (
    <section className="tb-panel">
      <h2>Ports</h2>
      <table className="tb-plain">
        <tbody>
          {ports.map(({ name, where, url }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                <div className="tb-quiet tb-small">{meanings[name] ?? ''}</div>
              </th>
              <td>
                <span className="tb-mono">{url}</span>
                <div className="tb-quiet tb-small">{where}</div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="tb-gap tb-quiet">
        Each speaks the real thing’s protocol. <code>tagboat.config.yaml</code> in the state directory points
        one elsewhere.
      </p>
    </section>
  );
}

const drivers: Readonly<Record<string, string>> = {
  sandbox:
    'Each pod has its own view of files and processes. That keeps runs reproducible; it is no security boundary.',
  container: 'Pods run in a container engine, isolated from this machine.',
  process: 'Pods are plain processes of this machine and share its files and network.',
};

function Pods({ about }: { about: About }) {
  return (
    <section className="tb-panel">
      <h2>Pods</h2>
      <Status status={about.driver === 'process' ? 'warning' : 'succeeded'}>{about.driver}</Status>
      <p className="tb-gap">{drivers[about.driver] ?? ''}</p>
      {about.driverNote && <p className="tb-gap tb-quiet">{about.driverNote}</p>}
    </section>
  );
}

function Preferences() {
  const theme = useTheme();
  return (
    <section className="tb-panel">
      <h2>This browser</h2>
      <p>
        It shows the {theme} theme.{' '}
        <Button variant="link" isInline onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}>
          Use the {theme === 'dark' ? 'light' : 'dark'} one
        </Button>
      </p>
    </section>
  );
}

function SignOut() {
  return (
    <section className="tb-panel">
      <h2>Signed in as the owner</h2>
      <p>Another browser signs in with the link that this prints:</p>
      <div className="tb-gap">
        <Command text="tagboat console" />
      </div>
      <form method="post" action="/sign-out" className="tb-gap">
        <Button type="submit" variant="secondary">
          Sign out
        </Button>
      </form>
    </section>
  );
}
