import { invalid } from '@tagboat/base';

export interface UrlAndLogin {
  /** Without the login. */
  readonly url: string;
  readonly login?: { readonly username: string; readonly password: string };
}

/**
 * Takes the login out of an HTTP URL, since what a URL holds is shown wherever the repository is. A password alone, as
 * forges' tokens are given, stands as the user's name. Other URLs stay as they are: the user of ssh is no secret.
 */
export function withoutLogin(text: string): UrlAndLogin {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return { url: text };
  const url = new URL(text);
  const [username, password] = [url.username, url.password].map(decoded) as [string, string];
  if (username === '' && password === '') return { url: text };
  url.username = '';
  url.password = '';
  return {
    url: url.href,
    login: password === '' ? { username: 'git', password: username } : { username, password },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the login in the URL cannot be read', { hint: 'write "%" as %25' });
  }
}
