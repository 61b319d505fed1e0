import { escapeHtml } from './html.ts';

const style = `body{font:16px/1.5 "Red Hat Text",system-ui,sans-serif;margin:12vh auto;max-width:34rem;padding:0 1rem;color:#151515;background:#fff}
h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:.5rem 0}.bar{height:.5rem;background:#e0e0e0;border-radius:.25rem;overflow:hidden}
.bar div{height:100%;width:2%;background:#06c;transition:width .4s}button,a.button{font:inherit;padding:.4rem 1rem;border:0;border-radius:1rem;background:#06c;color:#fff;text-decoration:none;cursor:pointer}
@media (prefers-color-scheme:dark){body{color:#fff;background:#151515}.bar{background:#444}}`;

export interface Page {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

function page(title: string, body: string, script = ''): Page {
  const nonce = crypto.randomUUID();
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width"><style nonce="${nonce}">${style}</style></head>
<body><h1>${escapeHtml(title)}</h1>${body}${script ? `<script nonce="${nonce}">${script}</script>` : ''}</body></html>`;
  return {
    html,
    contentSecurityPolicy: `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'`,
  };
}

/** Shows the start as it goes on, then goes to the workbench. `path` ends with `/`. */
export function startingPage(name: string, path: string): Page {
  const script = `
const bar = document.getElementById('bar'), text = document.getElementById('text');
const events = new EventSource(${JSON.stringify(`${path}tagboat/progress`)});
events.onmessage = ({ data }) => {
  const step = JSON.parse(data);
  bar.style.width = step.progress + '%';
  text.textContent = step.message;
  if (step.ready) { events.close(); location.reload(); }
  if (step.failed) { events.close(); bar.style.background = '#c9190b'; document.getElementById('again').hidden = false; }
};`;
  return page(
    `${name} is starting`,
    `<div class="bar" role="progressbar" aria-label="start"><div id="bar"></div></div><p id="text" role="status">starts</p>
<form id="again" hidden method="post" action="${escapeHtml(path)}tagboat/start"><button>Try again</button></form>`,
    script,
  );
}

export function stoppedPage(name: string, path: string, message: string): Page {
  return page(
    `${name} is stopped`,
    `<p>${escapeHtml(message)}. Its files are as they were.</p><form method="post" action="${escapeHtml(path)}tagboat/start"><button>Start</button></form>`,
  );
}

export function signInPage(name: string, openUrl: string): Page {
  return page(
    'This workbench opens from the console',
    `<p>Only its owner reaches ${escapeHtml(name)}.</p><p><a class="button" href="${escapeHtml(openUrl)}">Open it</a></p>`,
  );
}

export function missingPage(name: string): Page {
  return page(
    'There is no such workbench',
    `<p>${escapeHtml(name)} does not exist. See: tagboat workbench list</p>`,
  );
}
