import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';
import { type Clock, invalid, isReason, sha256, systemClock, TagboatError } from '@tagboat/base';
import { RestClient } from './rest-client.ts';

/** The keys of a GitHub App's Secret, as Pipelines-as-Code has them. */
export const appKeys = {
  id: 'github-application-id',
  privateKey: 'github-private-key',
  webhookSecret: 'webhook.secret',
} as const;

/** Milliseconds for which a token is used; GitHub gives it for an hour. */
const usedFor = 50 * 60_000;

export interface AppAccess {
  /** Of the REST API, without a slash at its end. */
  readonly api: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly id: string;
  /** In PEM. */
  readonly privateKey: string;
}

interface Installed {
  readonly token: Promise<string>;
  /** By monotonic time. */
  readonly until: number;
}

const known = new Map<string, Installed>();

/**
 * A token of a GitHub App for one repository, which the App is installed on: asked for as the App, kept while it is good
 * (docs.github.com, "Authenticating as a GitHub App installation").
 * @throws `Invalid` for a key that is none, `Refused` where the App is not installed, `Unauthorized`, `Unavailable`
 */
export function installationToken(access: AppAccess, clock: Clock = systemClock): Promise<string> {
  const name = sha256(JSON.stringify([access.api, access.repository, access.id, access.privateKey]));
  const before = known.get(name);
  if (before && before.until > clock.monotonic()) return before.token;
  const token = ask(access, clock);
  known.set(name, { token, until: clock.monotonic() + usedFor });
  token.catch(() => known.delete(name));
  return token;
}

async function ask(access: AppAccess, clock: Clock): Promise<string> {
  const { api, repository, id } = access;
  const key = keyOf(access);
  const client = new RestClient(api, {
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    authorization: `Bearer ${appToken(id, key, clock)}`,
  });
  try {
    const installation = await client.get<{ id: number }>(`/repos/${repository}/installation`);
    const { token } = await client.post<{ token: string }>(
      `/app/installations/${installation.id}/access_tokens`,
      { repositories: [repository.split('/').at(-1)] },
    );
    return token;
  } catch (error) {
    throw explained(error, access);
  }
}

function explained(error: unknown, { id, repository }: AppAccess): unknown {
  if (isReason(error, 'Refused'))
    return new TagboatError(`the GitHub App ${id} is not installed on ${repository}: ${error.message}`, {
      reason: 'Refused',
      hint: "install it on the repository, in the App's settings at GitHub",
      cause: error,
    });
  if (isReason(error, 'Unauthorized'))
    return new TagboatError(`GitHub does not take the App ${id} at its word: ${error.message}`, {
      reason: 'Unauthorized',
      hint: `check ${appKeys.id} and ${appKeys.privateKey}, and the clock of this machine`,
      cause: error,
    });
  return error;
}

function keyOf({ privateKey }: AppAccess): KeyObject {
  try {
    return createPrivateKey(privateKey);
  } catch (cause) {
    throw invalid(`${appKeys.privateKey} is no private key in PEM`, {
      hint: 'take the file that GitHub gave when the key was generated, as it is',
      cause,
    });
  }
}

/** What the App says it is with (RFC 7519): for ten minutes at most, and from a minute ago, as clocks differ. */
function appToken(id: string, key: KeyObject, clock: Clock): string {
  const now = Math.floor(clock.now() / 1000);
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded({ iat: now - 60, exp: now + 540, iss: id })}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
}
