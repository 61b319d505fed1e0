/** Texts that open something, and what they are. */
const patterns: readonly [RegExp, string][] = [
  [/\b(AKIA|ASIA)[0-9A-Z]{16}\b/, 'an AWS access key'],
  [/-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/, 'a private key'],
  [/\b(ghp|gho|ghs|ghu)_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}/, 'a GitHub token'],
  [/\bglpat-[\w-]{20,}/, 'a GitLab token'],
  [/\bhf_[A-Za-z0-9]{30,}/, 'a Hugging Face token'],
  [/\bsk-(proj-|ant-)?[A-Za-z0-9_-]{24,}/, 'an API key'],
  [/\bxox[abprs]-[A-Za-z0-9-]{10,}/, 'a Slack token'],
  [/\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/, 'a signed token (JWT)'],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@'"]+:[^\s/@'"{}$]{3,}@/i, 'a password in a URL'],
  [
    /\b\w*(password|passwd|secret|token|api_?key|access_?key)\w*["']?\]?\s*[:=]\s*["'](?!\s*["'])([^"'\s{}$<>]{8,})["']/i,
    'a password or token',
  ],
];

const placeholder =
  /^(x+|\*+|\.+|changeme|your[-_ ]?\w*|example\w*|placeholder|password|secret|token|none|null|todo\w*)$|(^|[-_ ])(your|paste|insert|replace)[-_ ]|[-_ ]here$/i;

/** What secret a text holds; undefined where none is seen. */
export function secretIn(text: string): string | undefined {
  for (const [pattern, what] of patterns) {
    const match = pattern.exec(text);
    if (match && !(match[2] && placeholder.test(match[2]))) return what;
  }
  return undefined;
}
