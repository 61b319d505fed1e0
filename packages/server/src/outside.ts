import { type Configuration, credentialsOfPort } from './configuration.ts';
import type { CodeServer } from './repositories.ts';

/** The code server that `code` of the configuration names. */
export async function outsideCode({ ports }: Configuration): Promise<CodeServer | undefined> {
  const { code } = ports;
  return code && { url: code.url.replace(/\/+$/, ''), login: await credentialsOfPort(code) };
}

export interface RegistrySettings {
  /** What names of images begin with: host, port and path. */
  readonly prefix: string;
  readonly outside?: { readonly url: string; readonly login: Awaited<ReturnType<typeof credentialsOfPort>> };
  /** What a pod needs to push there. */
  readonly environment: Record<string, string>;
}

/** The registry that images go to: the configured one, or this platform's own. @param url of the main port */
export async function registrySettings(configuration: Configuration, url: string): Promise<RegistrySettings> {
  const port = configuration.ports.registry;
  if (!port) return { prefix: new URL(url).host, environment: {} };
  const login = await credentialsOfPort(port);
  const { host, pathname } = new URL(port.url);
  const auth = login && Buffer.from(`${login.username}:${login.password}`).toString('base64');
  return {
    prefix: `${host}${pathname.replace(/\/$/, '')}`,
    outside: { url: port.url, login },
    environment: auth ? { TAGBOAT_REGISTRY_AUTH: auth } : {},
  };
}
