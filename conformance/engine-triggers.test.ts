import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Secret } from '@tagboat/api';
import { failures, finishedRun, PlatformProcess, WorkingCopy } from '@tagboat/dev-env';
import { runChecked } from '@tagboat/process';
import { DockerEngine, enginePrograms } from '@tagboat/process/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowedChange } from './outsider.ts';

const programs = await enginePrograms();
const started = typeof programs === 'string' ? programs : await DockerEngine.start(programs);
const why = typeof started === 'string' ? started : undefined;

describe.skipIf(why !== undefined)(
  `with a container engine beside it${why ? ` (skipped: ${why})` : ''}`,
  () => {
    const engine = started as DockerEngine;
    let platform: PlatformProcess;
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tagboat-engine-triggers-'));
      platform = await PlatformProcess.start({ environment: { DOCKER_HOST: `unix://${engine.socket}` } });
      const host = new URL(platform.url).host;
      const auth = Buffer.from(`tagboat:${await platform.token()}`).toString('base64');
      await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
      await copyFile(join(directory, 'config.json'), join(engine.directory, 'config.json'));
    }, 60_000);
    afterAll(async () => {
      await platform?.[Symbol.asyncDispose]();
      await engine?.[Symbol.asyncDispose]();
      if (directory) await rm(directory, { recursive: true, force: true });
    });

    /** A file of an image, read out of a container that never runs. */
    async function fileOf(image: string, path: string): Promise<string> {
      await engine.docker('pull', '--quiet', image);
      const id = await engine.docker('create', image, 'nothing');
      const copy = join(directory, 'copy');
      try {
        await engine.docker('cp', `${id}:${path}`, copy);
        return (await runChecked('cat', [copy])).stdout.toString('utf8');
      } finally {
        await engine.docker('rm', id);
        await rm(copy, { force: true });
      }
    }

    test('the overlays of an .aicoe-ci.yaml become an image each, of a Dockerfile or of the sources', {
      timeout: 240_000,
    }, async () => {
      await using copy = await WorkingCopy.create(() => platform.gitUrl('built', 'app'), {
        '.aicoe-ci.yaml': configuration,
        'app.py': 'print("app")\n',
        'what.txt': 'of the repository\n',
        'left.out': 'not for images\n',
        'kept.out': 'taken again\n',
        '.dockerignore': '*.out\n!kept.out\n',
        'variants/small/Dockerfile': 'FROM scratch\nCOPY . /files/\n',
        'variants/small/what.txt': 'of the overlay\n',
        'variants/whole/Pipfile': '[packages]\n',
      });
      await copy.ship('v1.0.0');
      const client = await platform.client();
      const run = await finishedRun(client, 'built', 'v1.0.0');
      expect(run.status?.conditions?.[0]?.status, await failures(client, run)).toBe('True');
      const small = `${new URL(platform.url).host}/built/app-small`;
      for (const tag of ['v1.0.0', 'latest'])
        expect(await fileOf(`${small}:${tag}`, '/files/what.txt')).toBe('of the overlay\n');
      expect(await fileOf(`${small}:v1.0.0`, '/files/kept.out')).toBe('taken again\n');
      await expect(fileOf(`${small}:v1.0.0`, '/files/left.out')).rejects.toThrow(/left\.out/);
      expect(await fileOf(`${small.replace('small', 'whole')}:v1.0.0`, '/opt/tagboat/app/what.txt')).toBe(
        'of the repository\n',
      );
      // The engine keeps the newest build for its layers, and none of the names that were pushed.
      const names = await engine.docker('images', '--format', '{{.Repository}}:{{.Tag}}');
      expect(names).toContain('tagboat-builds/built/built/app-small:latest');

      const whole = small.replace('small', 'whole');
      const history = await engine.docker(
        'history',
        '--no-trunc',
        '--format',
        '{{.CreatedBy}}',
        `${whole}:v1.0.0`,
      );
      const python = /Python (\d+\.\d+)/.exec(history)?.[1];
      const dockerfile = 'variants/small/Dockerfile';
      await copy.ship('v1.0.1', {
        [dockerfile]: `FROM scratch\nENV PYTHON_VERSION=${python}.1\nCOPY . /files/\n`,
      });
      expect((await finishedRun(client, 'built', 'v1.0.1')).status?.conditions?.[0]?.status).toBe('True');
      const based = configuration.replace('localhost:1/none', `${small}:v1.0.1`);
      await copy.ship('v1.0.2', { '.aicoe-ci.yaml': based });
      expect((await finishedRun(client, 'built', 'v1.0.2')).status?.conditions?.[0]?.status).toBe('True');
      expect(await fileOf(`${whole}:v1.0.2`, '/files/what.txt')).toBe('of the overlay\n');
      expect(await fileOf(`${whole}:v1.0.2`, '/opt/tagboat/app/what.txt')).toBe('of the repository\n');

      await copy.ship('v1.0.3', { [dockerfile]: 'FROM scratch\nCOPY none /x\n' });
      const failed = await finishedRun(client, 'built', 'v1.0.3');
      expect(failed.status?.conditions?.[0]?.status).toBe('False');
      expect(await failures(client, failed)).toMatch(/the build failed: .*none/);
    });

    const busybox = existsSync('/bin/busybox') && '/bin/busybox';
    test.skipIf(!busybox)(
      `build-source-script assembles the sources in the builder image${busybox ? '' : ' (skipped: no /bin/busybox for one)'}`,
      { timeout: 240_000 },
      async () => {
        const host = new URL(platform.url).host;
        const builder = `${host}/s2i/builder:1`;
        const context = join(directory, 'builder');
        await mkdir(context);
        await copyFile(String(busybox), join(context, 'busybox'));
        const script = (text: string) => `#!/bin/sh\nset -e\n${text}\n`;
        await writeFile(
          join(context, 'assemble'),
          script('mkdir /app/made\ncp -r /tmp/src/. /app/made\necho "$SAID" > /app/said'),
        );
        await writeFile(join(context, 'run'), script('cat /app/said'));
        await writeFile(
          join(context, 'Dockerfile'),
          'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nCOPY assemble run /scripts/\nRUN ["/bin/busybox", "--install", "/bin"]\nRUN chmod 755 /scripts/* && mkdir -p /app /tmp && chown 1001:0 /app\n',
        );
        await engine.docker('build', '-q', '-t', builder, context);
        await engine.docker('push', '-q', builder);
        await using copy = await WorkingCopy.create(() => platform.gitUrl('s2i', 'app'), {
          '.aicoe-ci.yaml': `check: []\nbuild: { build-stratergy: Source, registry-project: app, base-image: '${builder}', build-source-script: 'image:///scripts' }\n`,
          'what.txt': 'of the sources\n',
          '.s2i/environment': 'SAID=of the environment\n',
        });
        await copy.ship('v1');
        const client = await platform.client();
        const run = await finishedRun(client, 's2i', 'v1');
        expect(run.status?.conditions?.[0]?.status, await failures(client, run)).toBe('True');
        const image = `${host}/s2i/app:v1`;
        expect(await fileOf(image, '/app/made/what.txt')).toBe('of the sources\n');
        await expect(fileOf(image, '/app/made/.s2i.Dockerfile')).rejects.toThrow(/Dockerfile/);
        expect(await engine.docker('run', '--rm', image)).toContain('of the environment');
      },
    );

    test("an outside contributor's code waits for a member, then is checked in a container and sees no secret", {
      timeout: 240_000,
    }, async () => {
      const client = await platform.client();
      await client.create(kinds.Namespace, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'outside' },
      });
      await client.create<Secret>(kinds.Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'keys', namespace: 'outside' },
        data: { token: Buffer.from('the-secret-of-the-project').toString('base64') },
      });
      const configuration = 'check: [thoth-pytest, thoth-build]\npytest-env: { SAID: "of the file" }\n';
      await using change = await allowedChange(
        platform,
        { '.aicoe-ci.yaml': configuration },
        { 'test_theirs.py': theirs(platform.url) },
      );
      const checked = await change.pull('its check', ({ status }) =>
        Boolean(
          status?.checks?.some(
            ({ context, state }) => context === 'aicoe-ci/pytest-check' && state !== 'pending',
          ),
        ),
      );
      const check = checked.status?.checks?.find(({ context }) => context === 'aicoe-ci/pytest-check');
      expect(check, JSON.stringify(checked.status?.checks)).toMatchObject({ state: 'success' });
      const pods = await change.pods();
      expect(pods.length).toBeGreaterThan(0);
      for (const pod of pods)
        expect(pod.status?.conditions?.find(({ type }) => type === 'NetworkShared')?.status).toBe('True');
      expect(pods.flatMap(({ spec }) => spec?.volumes ?? []).filter(({ secret }) => secret)).toEqual([]);
    });
  },
);

const configuration = `check: [overlays-build]
overlays_dir: variants
overlays:
  - name: small
    build: { build-stratergy: Dockerfile, registry-project: app-small, custom-tag: latest }
  - name: whole
    build: { build-stratergy: Source, registry-project: app-whole, base-image: 'localhost:1/none' }
`;

/** Tests that look for what is not theirs. */
const theirs = (url: string) => `import os, pathlib, unittest, urllib.error, urllib.request

class Theirs(unittest.TestCase):
    def test_is_in_a_container(self):
        self.assertTrue(os.path.exists("/.dockerenv"))

    def test_sees_no_secret(self):
        token = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").read_text()
        for path in ("/api/v1/namespaces/outside/secrets", "/git-credentials?url=https://x", "/v2/outside/app/tags/list"):
            request = urllib.request.Request("${url}" + path, headers={"authorization": "Bearer " + token})
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            self.assertEqual(refused.exception.code, 403)
        self.assertNotIn("the-secret-of-the-project", str(os.environ))
        self.assertEqual(os.environ["SAID"], "of the file")
`;
