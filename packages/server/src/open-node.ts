import { hostEnvironment, type Node, startNode } from '@tagboat/node';
import type { Core } from './core.ts';
import type { Images } from './images.ts';
import type { RegistrySettings } from './outside.ts';

export interface NodeSurroundings {
  /** Of the main port. */
  readonly url: string;
  readonly images: Images;
  readonly registry: RegistrySettings;
}

/** Starts the node: the place where pods run. */
export function openNode(core: Core, { url, images, registry }: NodeSurroundings): Promise<Node> {
  const { configuration, tools, store, clock, log, home, tokens } = core;
  const ownRegistry = `${new URL(url).host}/`;
  return startNode({
    store,
    clock,
    log: log.with({ part: 'node' }),
    home,
    images: images.source,
    tokenFor: (pod) => tokens.forPod(pod),
    environment: {
      ...hostEnvironment(),
      TAGBOAT_URL: url,
      TAGBOAT_TOKEN_FILE: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      ...gitInPods(url),
      ...registry.environment,
    },
    tools,
    registryLogin: (reference) =>
      reference.startsWith(ownRegistry) ? { username: 'tagboat', password: tokens.owner } : undefined,
    ...(configuration.driver ? { driver: configuration.driver } : {}),
    retained: configuration.retained,
  });
}

/** git in a pod finds the pod's own token for this platform's repositories, and for nothing else (git-credential(1)). */
function gitInPods(url: string): Record<string, string> {
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `credential.${url}.helper`,
    GIT_CONFIG_VALUE_0:
      '!f() { if [ "$1" = get ]; then echo username=tagboat; echo "password=$(cat "$TAGBOAT_TOKEN_FILE")"; fi; }; f',
  };
}
