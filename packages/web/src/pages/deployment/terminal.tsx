import { Alert, Button } from '@patternfly/react-core';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as XTerm } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef, useState } from 'react';
import { channels, type ExecTarget, openExec } from '../../data/exec.ts';
import { useTheme } from '../../shell/theme.ts';

const themes = {
  dark: { background: '#151515', foreground: '#e8e8e8', cursor: '#e8e8e8' },
  light: { background: '#ffffff', foreground: '#151515', cursor: '#151515', selectionBackground: '#b9dafc' },
} as const;

const shell = ['sh', '-c', 'command -v bash >/dev/null && exec bash || exec sh'];

/** A shell in a pod. */
export function Terminal(props: ExecTarget) {
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

function connect(screen: XTerm, to: ExecTarget, ended: (why: string) => void): () => void {
  const socket = openExec(to, { command: shell, tty: true });
  let why = '';
  const encoder = new TextEncoder();
  /** What somebody typed before the shell was there. */
  const typed: Uint8Array<ArrayBuffer>[] = [];
  const send = (channel: number, text: string) => {
    const bytes = encoder.encode(text);
    const frame = new Uint8Array(bytes.length + 1);
    frame[0] = channel;
    frame.set(bytes, 1);
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    else if (socket.readyState === WebSocket.CONNECTING) typed.push(frame);
  };
  const resize = () => send(channels.resize, JSON.stringify({ Width: screen.cols, Height: screen.rows }));
  screen.onData((text) => send(channels.input, text));
  screen.onResize(resize);
  socket.onopen = () => {
    resize();
    for (const frame of typed.splice(0)) socket.send(frame);
  };
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
