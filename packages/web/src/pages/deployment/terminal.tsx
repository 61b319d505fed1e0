import { Alert, Button } from '@patternfly/react-core';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as XTerm } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef, useState } from 'react';
import { useTheme } from '../../shell/theme.ts';

export interface TerminalProps {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Channels of Kubernetes' remote command protocol (v4 and v5). */
const channels = { input: 0, output: 1, error: 2, status: 3, resize: 4 } as const;
const themes = {
  dark: { background: '#151515', foreground: '#e8e8e8', cursor: '#e8e8e8' },
  light: { background: '#ffffff', foreground: '#151515', cursor: '#151515', selectionBackground: '#b9dafc' },
} as const;

/** The address of a shell in a container, on this page's own origin. */
export function execUrl({ namespace, pod, container }: TerminalProps): string {
  const query = new URLSearchParams({ container, stdin: 'true', stdout: 'true', tty: 'true' });
  for (const word of ['sh', '-c', 'command -v bash >/dev/null && exec bash || exec sh'])
    query.append('command', word);
  return `${location.origin.replace(/^http/, 'ws')}/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`;
}

/** A shell in a pod. */
export function Terminal(props: TerminalProps) {
  const { namespace, pod, container } = props;
  const holder = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const [ended, setEnded] = useState<string>();
  const [attempt, setAttempt] = useState(0);
  const terminal = useRef<XTerm>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens the shell again
  useEffect(() => {
    setEnded(undefined);
    const screen = new XTerm({
      fontFamily: '"Red Hat Mono", ui-monospace, monospace',
      fontSize: 13,
      theme: themes[theme],
      screenReaderMode: true,
    });
    const fit = new FitAddon();
    screen.loadAddon(fit);
    screen.open(holder.current!);
    fit.fit();
    terminal.current = screen;
    const close = connect(screen, { namespace, pod, container }, setEnded);
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(holder.current!);
    screen.focus();
    return () => {
      observer.disconnect();
      close();
      screen.dispose();
    };
  }, [namespace, pod, container, attempt]);
  useEffect(() => {
    if (terminal.current) terminal.current.options.theme = themes[theme];
  }, [theme]);
  return (
    <div className="tb-terminal">
      <div ref={holder} className="tb-terminal__screen" />
      {ended !== undefined && (
        <Alert
          isInline
          variant="info"
          title="The shell has ended"
          actionLinks={
            <Button variant="link" isInline onClick={() => setAttempt(attempt + 1)}>
              Open it again
            </Button>
          }
        >
          {ended}
        </Alert>
      )}
    </div>
  );
}

function connect(screen: XTerm, to: TerminalProps, ended: (why: string) => void): () => void {
  const socket = new WebSocket(execUrl(to), ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
  socket.binaryType = 'arraybuffer';
  let why = '';
  const encoder = new TextEncoder();
  const send = (channel: number, text: string) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    const bytes = encoder.encode(text);
    const frame = new Uint8Array(bytes.length + 1);
    frame[0] = channel;
    frame.set(bytes, 1);
    socket.send(frame);
  };
  const resize = () => send(channels.resize, JSON.stringify({ Width: screen.cols, Height: screen.rows }));
  screen.onData((text) => send(channels.input, text));
  screen.onResize(resize);
  socket.onopen = resize;
  socket.onmessage = ({ data }) => {
    const frame = new Uint8Array(data as ArrayBuffer);
    if (frame[0] === channels.output || frame[0] === channels.error) screen.write(frame.subarray(1));
    if (frame[0] === channels.status) why = statusText(new TextDecoder().decode(frame.subarray(1)));
  };
  let closing = false;
  socket.onclose = ({ reason }) => {
    if (!closing) ended(why || reason || 'The connection was closed, or the pod offers no shell.');
  };
  return () => {
    closing = true;
    socket.close();
  };
}

function statusText(text: string): string {
  try {
    const status = JSON.parse(text) as { status?: string; message?: string };
    return status.status === 'Success' ? 'It ended with exit code 0.' : (status.message ?? '');
  } catch {
    return text;
  }
}
