import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

const style = `
:root { color-scheme: light dark; --page: #f2f2f2; --card: #fff; --text: #151515; --dim: #4d4d4d; --line: #c7c7c7; --brand: #0066cc; --on: #fff; --bad: #b1380b; }
@media (prefers-color-scheme: dark) {
  :root { --page: #151515; --card: #292929; --text: #fff; --dim: #c7c7c7; --line: #707070; --brand: #92c5f9; --on: #151515; --bad: #fcaf9e; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--page); color: var(--text);
  font: 16px/1.5 "Red Hat Text", "RedHatText", system-ui, sans-serif; }
main { background: var(--card); border-radius: 16px; padding: 40px; width: min(480px, calc(100vw - 32px)); }
h1 { font-size: 24px; line-height: 1.3; margin: 0 0 4px; font-weight: 500; }
p { margin: 0 0 24px; color: var(--dim); }
label { display: block; font-weight: 500; margin-bottom: 8px; }
input { width: 100%; font: inherit; padding: 8px 12px; border: 1px solid var(--line); border-radius: 6px; background: transparent; color: inherit; }
input:focus-visible, button:focus-visible { outline: 2px solid var(--brand); outline-offset: 2px; }
button { font: inherit; margin-top: 24px; padding: 8px 24px; border: 0; border-radius: 999px; background: var(--brand); color: var(--on); cursor: pointer; }
code { font-family: "Red Hat Mono", ui-monospace, monospace; font-size: 14px; }
.wrong { color: var(--bad); margin: 8px 0 0; }
.notice { margin-bottom: 0; }
.hint { margin: 24px 0 0; font-size: 14px; }
`;

const styleHash = createHash('sha256').update(style).digest('base64');

/** Of every answer about signing in: nothing keeps it, nothing may frame it or run in it. */
export const signInHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
};

/** The page for a browser without a session. It goes on to `next`, a path here. */
export function sendSignInPage(
  reply: FastifyReply,
  { next, wrong = false }: { next: string; wrong?: boolean },
): FastifyReply {
  const problem = wrong
    ? '<p class="wrong" id="problem" role="alert">This is not the token of this Tagboat. It may be of another state directory.</p>'
    : '';
  const described = wrong ? ' aria-invalid="true" aria-describedby="problem"' : '';
  return send(reply, {
    code: 401,
    title: 'Sign in to Tagboat',
    content: `<p>Git in, model out.</p>
<form method="post" action="/sign-in"><input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="token">Owner token, or the link printed at start</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${described}>${problem}
<button type="submit">Sign in</button></form>
<p class="hint">The command <code>tagboat console</code> prints a link that signs in by itself.</p>`,
  });
}

/** A page that only says something, in plain text. */
export function sendNotice(
  reply: FastifyReply,
  { code, title, text }: { code: number; title: string; text: string },
): FastifyReply {
  return send(reply, { code, title, content: `<p class="notice">${escapeHtml(text)}</p>` });
}

function send(
  reply: FastifyReply,
  { code, title, content }: { code: number; title: string; content: string },
): FastifyReply {
  return reply
    .code(code)
    .headers(signInHeaders)
    .type('text/html; charset=utf-8')
    .send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} - Tagboat</title>
<style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${content}
</main></body></html>
`);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for HTML content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}
