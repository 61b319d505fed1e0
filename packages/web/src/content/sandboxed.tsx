import { useRef, useState } from 'react';

const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:";
const mostHeight = 1200;

const look = `:root{color-scheme:light dark}body{margin:0;font:14px/1.5 system-ui,sans-serif;background:transparent}
table{border-collapse:collapse;font-size:13px}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}
th{font-weight:600}.tb-dark{color:#e8e8e8}img,svg{max-width:100%}a{color:inherit}`;

export interface SandboxedProps {
  readonly html: string;
  readonly title: string;
}

/**
 * HTML of a notebook in a frame of its own, where no script runs and nothing is loaded. The frame may be measured by
 * this page (that needs its origin), so that it is as high as its content.
 */
export function Sandboxed({ html, title }: SandboxedProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(60);
  const dark = document.documentElement.classList.contains('pf-v6-theme-dark');
  const scheme = dark ? 'dark' : 'light';
  const measure = () => {
    const content = frame.current?.contentDocument?.documentElement;
    if (content) setHeight(Math.min(mostHeight, content.scrollHeight + 4));
  };
  return (
    <>
      <iframe
        ref={frame}
        className="tb-sandboxed"
        title={title}
        sandbox="allow-same-origin"
        srcDoc={`<!doctype html><meta http-equiv="content-security-policy" content="${policy}"><meta name="color-scheme" content="${scheme}"><style>${look}:root{color-scheme:${scheme}}</style><body class="tb-${scheme}">${html}`}
        style={{ height }}
        onLoad={measure}
      />
      {/<script[\s>]/i.test(html) && (
        <p className="tb-quiet tb-small">
          Scripts of this output do not run here; open the notebook to use it.
        </p>
      )}
    </>
  );
}
