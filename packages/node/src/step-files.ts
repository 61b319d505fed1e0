import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, Pod } from '@tagboat/api';
import type { NodeContext } from './context.ts';
import { gitInitScript } from './git-init.ts';
import { type Credentials, writeCredentials } from './step-credentials.ts';
import { toolboxOf } from './toolboxes.ts';
import type { PodVolumes } from './volumes.ts';

/** The files that steps and sidecars find made for them: scripts, a home, credentials. */
export class StepFiles {
  readonly directory: string;
  readonly #context: NodeContext;
  readonly #pod: Pod;
  readonly #volumes: PodVolumes;

  constructor(context: NodeContext, pod: Pod, volumes: PodVolumes) {
    this.#context = context;
    this.#pod = pod;
    this.#volumes = volumes;
    this.directory = join(context.layout.pod(pod.metadata.uid ?? ''), 'scripts');
  }

  /** Whether steps see their volumes at their own paths. */
  get isolated(): boolean {
    return this.#context.driver.isolatesFiles;
  }

  prepare(): void {
    mkdirSync(this.directory, { recursive: true });
    this.#volumes.addDirectory('tekton-internal-scripts', this.directory);
  }

  /** Places a script that containers see as `/tekton/scripts/<name>`. */
  place(name: string, text: string): void {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }

  /** A container as it runs: with a home, and with the program that its toolbox has beside the host's. */
  complete(container: Container): Container {
    const placed = this.withHome(container);
    if (toolboxOf(container.image ?? '')?.name !== 'git-init') return placed;
    const name = 'tekton-internal-ko-app';
    const path = join(this.#context.layout.pod(this.#pod.metadata.uid ?? ''), 'ko-app');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'git-init'), gitInitScript);
    chmodSync(join(path, 'git-init'), 0o755);
    this.#volumes.addDirectory(name, path);
    const mount = { name, mountPath: '/ko-app', readOnly: true };
    return { ...placed, volumeMounts: [...(placed.volumeMounts ?? []), mount] };
  }

  /** Toolboxes have no home of their own: root's is empty and the container's alone, others get none, as in an image. */
  withHome(container: Container): Container {
    const { driver, layout } = this.#context;
    const toolbox = toolboxOf(container.image ?? '');
    if (!toolbox || container.env?.some(({ name }) => name === 'HOME')) return container;
    const user = container.securityContext?.runAsUser ?? this.#pod.spec?.securityContext?.runAsUser ?? 0;
    const shared = toolbox.name === 'tagboat' || !driver.isolatesFiles;
    const home = shared ? '/tekton/home' : user === 0 ? '/root' : '/';
    const env = [...(container.env ?? []), { name: 'HOME', value: home }];
    const workingDir = container.workingDir ?? (shared ? '/workspace' : undefined);
    const placed = { ...container, env, ...(workingDir ? { workingDir } : {}) };
    if (home !== '/root' || container.volumeMounts?.some(({ mountPath }) => mountPath === '/root'))
      return placed;
    const name = `tekton-internal-root-${container.name}`;
    const path = join(layout.pod(this.#pod.metadata.uid ?? ''), 'homes', container.name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#volumes.addDirectory(name, path);
    return { ...placed, volumeMounts: [...(placed.volumeMounts ?? []), { name, mountPath: '/root' }] };
  }

  /** Writes a step's credentials to what it sees as `/tekton/creds`. */
  giveCredentials(credentials: Credentials, index: number): Promise<void> {
    return writeCredentials(credentials, join(this.#volumes.directory('tekton-creds'), String(index)));
  }
}
