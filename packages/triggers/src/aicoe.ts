import { parseYaml, type SourceDocument } from '@tagboat/api';
import { invalid } from '@tagboat/base';

export const aicoeFileNames = ['.aicoe-ci.yaml', '.aicoe-ci.yml'];

export interface AicoeBuild {
  /** `Source`, `Dockerfile` or `Containerfile`. */
  readonly strategy: string | undefined;
  readonly baseImage: string | undefined;
  readonly dockerfilePath: string | undefined;
  readonly sourceScript: string | undefined;
  readonly customTag: string | undefined;
  readonly registry: string | undefined;
  readonly registryOrg: string | undefined;
  readonly registryProject: string | undefined;
  readonly registrySecret: string | undefined;
}

export interface AicoeDeploy {
  readonly projectOrg: string | undefined;
  readonly projectName: string | undefined;
  readonly imageName: string | undefined;
  readonly overlayContextpath: string | undefined;
}

export interface AicoeOverlay {
  readonly name: string;
  readonly build: AicoeBuild;
  readonly arch: string | undefined;
  readonly deploy: AicoeDeploy;
}

/** What an `.aicoe-ci.yaml` says. */
export interface AicoeConfiguration {
  readonly checks: readonly string[];
  readonly release: readonly string[];
  readonly packageUpload:
    | { readonly instance: string; readonly index: string; readonly sdist: boolean; readonly bdist: boolean }
    | undefined;
  readonly build: AicoeBuild;
  readonly deploy: AicoeDeploy;
  readonly overlaysDirectory: string;
  readonly overlays: readonly AicoeOverlay[];
  readonly sibling: { readonly org: string; readonly project: string } | undefined;
  readonly pytestEnvironment: Readonly<Record<string, string>>;
  /** Keys that are not known, each with its line. */
  readonly warnings: readonly string[];
}

const checkNames = new Set([
  'thoth-pytest',
  'thoth-pytest-py38',
  'thoth-precommit',
  'thoth-precommit-py38',
  'thoth-build',
  'thoth-custom-build',
  'overlays-build',
  'thoth-coala',
  'thoth-tox',
]);

const rootKeys = [
  'check',
  'checks',
  'release',
  'package-upload',
  'build',
  'deploy',
  'overlays_dir',
  'overlays',
  'sibling',
  'pytest-env',
];

const buildKeys = [
  'build-stratergy',
  'build-strategy',
  'base-image',
  'dockerfile-path',
  'build-source-script',
  'custom-tag',
  'custom_tag',
  'registry',
  'registry-org',
  'registry-project',
  'registry-secret',
];
const deployKeys = ['project-org', 'project-name', 'image-name', 'overlay-contextpath'];

type Value = Record<string, unknown>;
type Path = readonly (string | number)[];

/** Reads an `.aicoe-ci.yaml`; an unknown key is a warning with its line. @throws `Invalid` with file:line:column */
export function readAicoe(text: string, file: string): AicoeConfiguration {
  const document = parseYaml(text, file)[0];
  return new Reading(document, file).configuration();
}

class Reading {
  readonly #document: SourceDocument | undefined;
  readonly #file: string;
  readonly #warnings: string[] = [];

  constructor(document: SourceDocument | undefined, file: string) {
    this.#document = document;
    this.#file = file;
  }

  configuration(): AicoeConfiguration {
    const root = this.#map(this.#document?.value ?? {}, []);
    this.#known(root, [], rootKeys);
    const checks = [...this.#list(root.check, ['check']), ...this.#list(root.checks, ['checks'])];
    for (const name of checks) if (!checkNames.has(name)) this.#warn(['check'], `unknown check "${name}"`);
    const upload = this.#map(root['package-upload'], ['package-upload']);
    const sibling = this.#map(root.sibling, ['sibling']);
    this.#known(sibling, ['sibling'], ['sibling-project-org', 'sibling-project']);
    const environment = this.#map(root['pytest-env'], ['pytest-env']);
    const overlays = root.overlays ?? [];
    if (!Array.isArray(overlays)) throw this.#wrong('a list', ['overlays']);
    return {
      checks,
      release: this.#list(root.release, ['release']),
      packageUpload: root['package-upload']
        ? {
            instance: text(upload.instance) ?? 'pypi',
            index: text(upload['pulp-index']) ?? '',
            sdist: upload['allow-sdist'] !== false,
            bdist: upload['allow-bdist'] !== false,
          }
        : undefined,
      build: this.#build(root.build, ['build']),
      deploy: this.#deploy(root.deploy, ['deploy']),
      overlaysDirectory: text(root.overlays_dir) ?? 'overlays',
      overlays: overlays.map((item, index) => this.#overlay(item, ['overlays', index])),
      sibling: text(sibling['sibling-project'])
        ? { org: text(sibling['sibling-project-org']) ?? '', project: text(sibling['sibling-project'])! }
        : undefined,
      pytestEnvironment: Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, String(value ?? '')]),
      ),
      warnings: this.#warnings,
    };
  }

  #overlay(value: unknown, path: Path): AicoeOverlay {
    const overlay = this.#map(value, path);
    this.#known(overlay, path, ['name', 'build', 'deploy', 'gather']);
    const name = text(overlay.name);
    if (!name || !/^[A-Za-z0-9][\w.-]*$/.test(name))
      throw this.#wrong('the name of a directory in "name"', path);
    const { arch, ...build } = this.#map(overlay.build, [...path, 'build']);
    return {
      name,
      arch: text(arch),
      build: this.#build(build, [...path, 'build']),
      deploy: this.#deploy(overlay.deploy, [...path, 'deploy']),
    };
  }

  #build(value: unknown, path: Path): AicoeBuild {
    const build = this.#map(value, path);
    this.#known(build, path, buildKeys);
    const strategy = text(build['build-stratergy']) ?? text(build['build-strategy']);
    if (strategy !== undefined && !['Source', 'Dockerfile', 'Containerfile'].includes(strategy))
      throw this.#wrong(`Source, Dockerfile or Containerfile, found "${strategy}"`, [
        ...path,
        'build-stratergy',
      ]);
    return {
      strategy,
      baseImage: text(build['base-image']),
      dockerfilePath: text(build['dockerfile-path']),
      sourceScript: text(build['build-source-script']),
      customTag: text(build['custom-tag']) ?? text(build.custom_tag),
      registry: text(build.registry),
      registryOrg: text(build['registry-org']),
      registryProject: text(build['registry-project']),
      registrySecret: text(build['registry-secret']),
    };
  }

  #deploy(value: unknown, path: Path): AicoeDeploy {
    const deploy = this.#map(value, path);
    // Also seen: stages by name, each with a default-action.
    const stages = Object.entries(deploy).filter(([, item]) => typeof item === 'object' && item !== null);
    this.#known(deploy, path, [...deployKeys, ...stages.map(([key]) => key)]);
    return {
      projectOrg: text(deploy['project-org']),
      projectName: text(deploy['project-name']),
      imageName: text(deploy['image-name']),
      overlayContextpath: text(deploy['overlay-contextpath']),
    };
  }

  #map(value: unknown, path: Path): Value {
    if (value === null || value === undefined || value === '') return {};
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong('a map of keys', path);
    return value as Value;
  }

  #list(value: unknown, path: Path): string[] {
    if (value === null || value === undefined || value === '') return [];
    if (Array.isArray(value)) return value.map(String);
    if (typeof value === 'string') return [value];
    throw this.#wrong('a list', path);
  }

  #known(value: Value, path: Path, known: readonly string[]): void {
    for (const key of Object.keys(value))
      if (!known.includes(key)) this.#warn([...path, key], `unknown key "${key}"`);
  }

  #warn(path: Path, message: string): void {
    this.#warnings.push(`${this.#file}:${this.#document?.locate(path).line ?? 1}: ${message}`);
  }

  #wrong(expected: string, path: Path) {
    return invalid(`expected ${expected}`, {
      location: this.#document?.locate(path) ?? { file: this.#file },
    });
  }
}

const text = (value: unknown): string | undefined =>
  value === null || value === undefined || value === '' ? undefined : String(value);
