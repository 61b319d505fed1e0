// A platform to be killed: starts one container as its arguments say, and stays.
import { hostTools } from './host-tools.ts';
import { ProcessDriver } from './process-driver.ts';
import { SandboxDriver } from './sandbox-driver.ts';

const [driver, user, directory, mount, image] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
];
const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });
// Whether it may gain no privileges: 1.
const privileges =
  'while read name value; do case $name in NoNewPrivs:) gained=$value;; esac; done </proc/self/status';
const uid = Number(user);
// Only a pid namespace ends what its first process has started.
const children = driver === 'process' ? '' : 'sleep 300 &';
await (driver === 'process' ? new ProcessDriver(tools) : new SandboxDriver({ tools, directory })).start(
  {
    podUid: `orphan-${process.pid}`,
    directory: `${directory}/container`,
    hostname: 'orphan',
    image: image
      ? { kind: 'rootfs', digest: 'sha256:1', directory: image, config: {} }
      : { kind: 'host', name: 'host' },
    command: [
      '/bin/sh',
      '-c',
      `exec 9>/volume/alive; ${privileges}; echo "up $gained" >&9; ${children} exec sleep 300`,
    ],
    environment: {},
    workingDir: '/volume',
    mounts: [{ hostPath: mount, mountPath: '/volume', readOnly: false }],
    ...(uid > 0 && { user: { uid, gid: uid, groups: [] } }),
  },
  (_, data) => void process.stderr.write(data),
);
setInterval(() => undefined, 1_000_000);
