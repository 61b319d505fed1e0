import type { Notebook, Pod } from '@tagboat/api';
import { ManualClock } from '@tagboat/base';
import { describe, expect, it } from 'vitest';
import { idleTimeoutOf, judgeActivity } from './activity.ts';
import { buildWorkbench } from './build-notebook.ts';
import { environmentOfImage } from './images.ts';
import { parseProfiles } from './parse-profiles.ts';
import { Passes } from './passes.ts';
import { planWorkbench } from './plan-workbench.ts';
import { podOf, templateHashOf } from './pod-of.ts';
import { defaultProfiles, resolveProfile } from './profiles.ts';

const notebook = (annotations: Record<string, string> = {}): Notebook => ({
  apiVersion: 'kubeflow.org/v1',
  kind: 'Notebook',
  metadata: { name: 'ada', namespace: 'demo', uid: 'u1', annotations },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: 'ada',
            image: 'quay.io/jupyter/scipy-notebook:2025-03-24',
            env: [{ name: 'FOO', value: 'bar' }],
            volumeMounts: [{ name: 'home', mountPath: '/opt/app-root/src' }],
          },
        ],
        volumes: [{ name: 'home', persistentVolumeClaim: { claimName: 'ada' } }],
      },
    },
  },
});

describe('planWorkbench', () => {
  const now = Date.parse('2026-01-01T00:01:00Z');
  const pod = (status: Pod['status'] = {}, of = notebook()): Pod => ({ ...podOf({ notebook: of }), status });
  const plan = (of: Notebook, its: Pod | undefined) =>
    planWorkbench({ notebook: of, pod: its, hash: templateHashOf({ notebook: of }), now });
  const ready = { conditions: [{ type: 'Ready', status: 'True' as const }] };

  it('makes the pod, keeps it while it runs, and ends it when it is stopped', () => {
    expect(plan(notebook(), undefined)).toMatchObject({ pod: 'create', phase: 'Starting' });
    expect(plan(notebook(), pod(ready))).toMatchObject({ pod: 'keep', phase: 'Running', message: '' });
    const message = 'limits of memory are not applied: this host lets no control groups be made';
    const limits = { type: 'ResourceLimitsApplied', status: 'False' as const, message };
    const bound = { ...ready, conditions: [...(ready.conditions ?? []), limits] };
    expect(plan(notebook(), pod(bound))).toMatchObject({ phase: 'Running', message });
    const stopped = notebook({ 'kubeflow-resource-stopped': '2026-01-01T00:00:00Z' });
    expect(plan(stopped, pod(ready))).toMatchObject({ pod: 'delete', phase: 'Stopping' });
    expect(plan(stopped, undefined)).toMatchObject({ pod: 'none', phase: 'Stopped' });
  });

  it('ends the pod of a workbench that is stopped while it starts', () => {
    const stopped = notebook({ 'kubeflow-resource-stopped': '2026-01-01T00:00:00Z' });
    expect(plan(stopped, pod({ phase: 'Pending' }))).toMatchObject({ pod: 'delete', phase: 'Stopping' });
  });

  it('makes a new pod for another image or a restart', () => {
    const other = notebook();
    other.spec!.template.spec.containers[0]!.image = 'quay.io/jupyter/minimal-notebook:2025-03-24';
    expect(plan(other, pod(ready))).toMatchObject({ pod: 'delete', phase: 'Starting' });
    const again = notebook({ 'notebooks.opendatahub.io/notebook-restart': '1' });
    expect(plan(again, pod(ready))).toMatchObject({ pod: 'delete' });
  });

  it('says why a server does not come up while it is tried again', () => {
    const containerStatuses = (message?: string) => [
      {
        name: 'ada',
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
        ...(message ? { lastState: { terminated: { exitCode: 1, message } } } : {}),
      },
    ];
    const says = "prepares JupyterLab\nerror: the workbench's files cannot be written: they are read-only\n";
    const message = (words?: string) =>
      plan(notebook(), pod({ containerStatuses: containerStatuses(words) } as Pod['status'])).message;
    expect(message(says)).toBe(
      "error: the workbench's files cannot be written: they are read-only; tries again",
    );
    expect(message()).toBe('back-off 40s');
  });

  it('says why a pod failed, and tries again after a while', () => {
    const at = (time: string) => [
      { type: 'PodScheduled', status: 'True' as const, lastTransitionTime: time },
    ];
    const failed = { phase: 'Failed' as const, message: 'no space left on device' };
    expect(plan(notebook(), pod({ ...failed, conditions: at('2026-01-01T00:00:50Z') }))).toEqual({
      pod: 'keep',
      phase: 'Failed',
      message: 'no space left on device',
      again: 20_000,
    });
    expect(plan(notebook(), pod({ ...failed, conditions: at('2026-01-01T00:00:10Z') }))).toMatchObject({
      pod: 'delete',
    });
  });
});

describe('podOf', () => {
  it('runs a known image as an environment of its own making, and any other as it is', () => {
    const managed = podOf({ notebook: notebook(), repositoryUrl: 'http://127.0.0.1/git/demo/app.git' });
    expect(managed.metadata.labels).toMatchObject({ statefulset: 'ada', 'notebook-name': 'ada' });
    const container = managed.spec!.containers[0]!;
    expect(container).toMatchObject({ image: 'tagboat', command: ['tagboat'], args: ['step', 'workbench'] });
    const value = (name: string) => container.env?.find((variable) => variable.name === name)?.value;
    expect(value('NB_PREFIX')).toBe('/notebook/demo/ada');
    expect(value('HOME')).toBe('/opt/app-root/src');
    expect(value('TAGBOAT_WORKBENCH_ENVIRONMENT')).toBe('data-science');
    expect(value('FOO')).toBe('bar');
    const own = notebook();
    own.spec!.template.spec.containers[0]!.image = 'registry.example.com/team/lab:1';
    expect(podOf({ notebook: own }).spec!.containers[0]).toMatchObject({
      image: 'registry.example.com/team/lab:1',
      ports: [{ containerPort: 8888 }],
    });
  });

  it("leaves out the sign-in proxy that a Notebook of Open Data Hub's dashboard has beside JupyterLab", () => {
    const from = notebook({ 'notebooks.opendatahub.io/inject-auth': 'true' });
    const spec = from.spec!.template.spec;
    const mount = { name: 'tls-certificates', mountPath: '/etc/tls/private' };
    spec.containers.push({ name: 'kube-rbac-proxy', image: 'proxy', volumeMounts: [mount] });
    spec.volumes!.push(
      { name: 'tls-certificates', secret: { secretName: 'ada-tls' } },
      { name: 'shm', emptyDir: { medium: 'Memory' } },
    );
    const pod = podOf({ notebook: from });
    expect(pod.spec!.containers.map(({ name }) => name)).toEqual(['ada']);
    expect(pod.spec!.volumes!.map(({ name }) => name)).toEqual(['home', 'shm', 'environments']);
  });

  it('knows the images of both stacks', () => {
    expect(environmentOfImage('quay.io/jupyter/pytorch-notebook:x')).toBe('pytorch');
    expect(environmentOfImage('quay.io/opendatahub/workbench-images:jupyter-datascience-ubi9')).toBe(
      'data-science',
    );
    expect(environmentOfImage('example.com/mine')).toBeUndefined();
  });
});

describe('judgeActivity', () => {
  const hour = 3_600_000;
  const now = 100 * hour;
  const nothing = { kernels: [], terminals: [], connections: 0, lastRequest: 0, lastKnown: 0 };
  const at = (hours: number) => new Date(hours * hour).toISOString();

  it('counts busy kernels and open connections as use at this moment', () => {
    const busy = { ...nothing, kernels: [{ execution_state: 'busy', last_activity: at(1) }] };
    expect(judgeActivity(busy, hour, now)).toMatchObject({ lastActivity: now, verdict: 'active' });
    expect(judgeActivity({ ...nothing, connections: 1 }, hour, now).verdict).toBe('active');
  });

  it('takes the latest of kernels, terminals and requests, warns before it stops', () => {
    const used = {
      ...nothing,
      kernels: [{ execution_state: 'idle', last_activity: at(97) }],
      terminals: [{ last_activity: at(98) }],
      lastRequest: 96 * hour,
    };
    expect(judgeActivity(used, 4 * hour, now)).toMatchObject({ lastActivity: 98 * hour, verdict: 'active' });
    expect(judgeActivity(used, 2 * hour + 60_000, now)).toMatchObject({
      verdict: 'warn',
      stopsAt: now + 60_000,
    });
    expect(judgeActivity(used, 2 * hour, now).verdict).toBe('stop');
    const justUsed = { ...used, lastRequest: now - 80_000 };
    expect(judgeActivity(justUsed, 120_000, now)).toMatchObject({ verdict: 'active', lookAt: now + 10_000 });
    expect(judgeActivity(justUsed, 100_000, now)).toMatchObject({ verdict: 'warn', lookAt: now + 20_000 });
    expect(judgeActivity(justUsed, hour, now)).toMatchObject({ verdict: 'active', lookAt: now + 60_000 });
    expect(judgeActivity(used, undefined, now).verdict).toBe('active');
  });

  it('reads the timeout', () => {
    expect(idleTimeoutOf('90m')).toBe(90 * 60_000);
    expect(idleTimeoutOf('never')).toBeUndefined();
    expect(() => idleTimeoutOf('soon')).toThrow();
  });
});

describe('Passes', () => {
  const subject = { namespace: 'demo', name: 'ada', uid: 'u1' };
  const key = new Uint8Array(32);

  it('takes a ticket once, for its workbench, for a minute', () => {
    const clock = new ManualClock();
    const passes = new Passes(key, clock);
    const ticket = passes.ticket(subject);
    expect(passes.redeem(ticket, { ...subject, name: 'bob' })).toBe(false);
    expect(passes.redeem(ticket, { ...subject, uid: 'u2' })).toBe(false);
    expect(passes.redeem(ticket, subject)).toBe(true);
    expect(passes.redeem(ticket, subject)).toBe(false);
    const late = passes.ticket(subject);
    clock.advance(61_000);
    expect(passes.redeem(late, subject)).toBe(false);
  });

  it('knows its cookies after a restart, renews them, and refuses tickets, other keys and rubbish', () => {
    const clock = new ManualClock();
    const cookie = new Passes(key, clock).cookie(subject);
    const passes = new Passes(key, clock);
    expect(passes.check(cookie, subject)).toBe('good');
    clock.advance(7 * 3_600_000);
    expect(passes.check(cookie, subject)).toBe('renew');
    clock.advance(6 * 3_600_000);
    expect(passes.check(cookie, subject)).toBeUndefined();
    expect(passes.check(passes.ticket(subject), subject)).toBeUndefined();
    expect(
      passes.check(new Passes(new Uint8Array(32).fill(1), clock).cookie(subject), subject),
    ).toBeUndefined();
    for (const rubbish of ['', '.', 'a.b', 'e30.']) expect(passes.check(rubbish, subject)).toBeUndefined();
  });
});

describe('profiles', () => {
  it('adds up a profile and the choices in its options', () => {
    const { override } = resolveProfile(defaultProfiles, 'data-science', { size: 'large' });
    expect(override).toMatchObject({
      cpu_limit: 4,
      mem_limit: '8G',
      image: expect.stringContaining('scipy'),
    });
    expect(() => resolveProfile(defaultProfiles, 'quantum')).toThrow(/no profile "quantum".*|there are/);
    expect(() => resolveProfile(defaultProfiles, 'minimal', { size: 'huge' })).toThrow(/no choice "huge"/);
  });

  it("reads JupyterHub's profileList, with an unlisted choice, and says where it is wrong", () => {
    const list = parseProfiles(
      `profileList:
  - display_name: Ours
    kubespawner_override: { image: a, environment: { A: "1" } }
    profile_options:
      image:
        display_name: Image
        choices: { one: { display_name: One, kubespawner_override: { image: one } } }
        unlisted_choice: { enabled: true, validation_regex: "^x/", kubespawner_override: { image: "{value}" } }
`,
      'profiles.yaml',
    );
    expect(list[0]).toMatchObject({ slug: 'ours' });
    expect(resolveProfile(list, undefined, { image: 'x/y' }).override.image).toBe('x/y');
    expect(() => resolveProfile(list, 'ours', { image: 'z' })).toThrow(/does not fit/);
    expect(() => parseProfiles('- slug: a\n', 'p.yaml')).toThrow(
      expect.objectContaining({ location: { file: 'p.yaml', line: 1, column: 3 } }),
    );
  });

  it.each([
    ['profileList: 3\n', /expected a profileList/, 1],
    ['- just text\n', /expected a map of keys/, 1],
    ['- display_name: A\n  kubespawner_override: big\n', /expected a map of keys/, 2],
    ['- display_name: A\n  kubespawner_overide: {}\n', /did you mean "kubespawner_override"/, 2],
    [
      '- display_name: A\n  kubespawner_override: { tolerations: [] }\n',
      /"tolerations" is not supported yet/,
      2,
    ],
    ['- display_name: A\n  kubespawner_override:\n    mem_limit: lots\n', /mem_limit: .* found "lots"/, 3],
    ['- display_name: A\n  kubespawner_override: { environment: [a] }\n', /expected a map of keys/, 2],
    ['- display_name: A\n  profile_options:\n    size:\n      display_name: S\n', /expected choices/, 4],
    [
      '- display_name: A\n  profile_options:\n    size:\n      display_name: S\n      choices: { a: { display_name: x } }\n',
      /kubespawner_override", found none/,
      5,
    ],
    ['- display_name: A\n- display_name: a\n', /there is another profile "a"/, 2],
  ])('says what is wrong in a profileList, and where: %s', (source, message, line) => {
    try {
      parseProfiles(source, 'p.yaml');
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as { location: object }).location).toMatchObject({ file: 'p.yaml', line });
    }
  });

  it('makes a Notebook and its claim that work on Open Data Hub', () => {
    const { claim, notebook: made } = buildWorkbench(
      {
        namespace: 'demo',
        name: 'ada',
        profile: 'project',
        repository: 'app',
        secrets: ['keys'],
        idleTimeout: '2h',
      },
      defaultProfiles,
    );
    expect(claim.metadata.name).toBe('ada');
    expect(made.metadata.annotations).toMatchObject({
      'tagboat.dev/environment': 'project',
      'tagboat.dev/repository': 'app',
      'tagboat.dev/idle-timeout': '2h',
    });
    const container = made.spec!.template.spec.containers[0]!;
    expect(container.resources).toEqual({ limits: { cpu: '1', memory: '2Gi' } });
    expect(container.envFrom).toEqual([{ secretRef: { name: 'keys' } }]);
    expect(container.readinessProbe?.httpGet?.path).toBe('/notebook/demo/ada/api');
    for (const name of ['', 'A', '-a', 'a_b', 'x'.repeat(60)])
      expect(() => buildWorkbench({ namespace: 'demo', name }, defaultProfiles)).toThrow(/expected a name/);
  });
});
