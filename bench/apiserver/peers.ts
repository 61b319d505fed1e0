import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher, request } from 'undici';

/** One way to keep objects, as the benchmark uses it. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  put(key: string, value: object): Promise<void>;
  update(key: string, value: object): Promise<void>;
  get(key: string): Promise<void>;
  /** Everything, read whole. */
  list(): Promise<number>;
  /** Calls back for every change that arrives. Resolves when the watch stands. */
  watch(arrived: () => void): Promise<() => void>;
  /** Resident memory in bytes. */
  memory(): Promise<number>;
  /** Ends and starts again. @returns the milliseconds until the first answer */
  restart(key: string): Promise<number>;
}

const agent = new Agent({ connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

async function send(
  url: string,
  method: Dispatcher.HttpMethod,
  body?: object,
): Promise<Dispatcher.ResponseData> {
  const answer = await request(url, {
    method,
    dispatcher: agent,
    headers: { 'content-type': 'application/json', 'user-agent': 'bench/1' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (answer.statusCode >= 300)
    throw new Error(`${method} ${url}: ${answer.statusCode} ${await answer.body.text()}`);
  return answer;
}

export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** Starts a process and waits until `ask` is answered. @returns it, and the milliseconds that took */
export async function started(
  command: readonly string[],
  ask: () => Promise<unknown>,
): Promise<{ child: ChildProcess; took: number }> {
  const begun = performance.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  for (;;)
    try {
      await ask();
      return { child, took: performance.now() - begun };
    } catch (error) {
      if (child.exitCode !== null)
        throw new Error(`${command[0]} ended with ${child.exitCode}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
}

export async function stopped(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Counts the lines of a stream that hold a change. */
function countLines(body: AsyncIterable<Buffer>, marker: string, arrived: () => void): void {
  void (async () => {
    let rest = '';
    for await (const piece of body) {
      const lines = (rest + piece.toString('latin1')).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        let at = line.indexOf(marker);
        while (at >= 0) {
          arrived();
          at = line.indexOf(marker, at + marker.length);
        }
      }
    }
  })().catch(() => undefined);
}

export async function tagboat(directory: string, port: number): Promise<Peer> {
  const base = `http://127.0.0.1:${port}`;
  const url = `${base}/api/v1/namespaces/bench/configmaps`;
  const server = new URL('./server.ts', import.meta.url).pathname;
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    server,
    directory,
    String(port),
  ];
  let { child } = await started(command, () =>
    send(`${base}/version`, 'GET').then(({ body }) => body.dump()),
  );
  const whole = async (answer: Promise<Dispatcher.ResponseData>) =>
    (await (await answer).body.arrayBuffer()).byteLength;
  return {
    name: 'tagboat',
    put: async (_key, value) => void (await whole(send(url, 'POST', value))),
    update: async (key, value) => void (await whole(send(`${url}/${key}`, 'PUT', value))),
    get: async (key) => void (await whole(send(`${url}/${key}`, 'GET'))),
    list: () => whole(send(url, 'GET')),
    async watch(arrived) {
      const list = (await (await send(`${url}?limit=1`, 'GET')).body.json()) as {
        metadata: { resourceVersion: string };
      };
      const { body } = await send(
        `${url}?watch=true&resourceVersion=${list.metadata.resourceVersion}`,
        'GET',
      );
      countLines(body, '{"type":"', arrived);
      return () => body.destroy();
    },
    memory: () => residentBytes(child.pid!),
    async restart(key) {
      await stopped(child);
      const again = await started(command, () => whole(send(`${url}/${key}`, 'GET')));
      child = again.child;
      return again.took;
    },
    [Symbol.asyncDispose]: () => stopped(child),
  };
}
