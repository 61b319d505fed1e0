import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchText, rawUrl } from './planner.ts';

describe('what a URL of .tekton/ holds', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });
  async function serve(answer: RequestListener): Promise<string> {
    server = createServer(answer);
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/t.yaml`;
  }

  it.each([
    [404, 'Invalid'],
    [403, 'Invalid'],
    [429, 'Unavailable'],
    [408, 'Unavailable'],
    [500, 'Unavailable'],
  ])('answered %i is %s', async (status, reason) => {
    const url = await serve((_request, response) => response.writeHead(status).end());
    await expect(fetchText(url)).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(`HTTP ${status}`),
    });
  });

  it('that breaks off may come another time, one without end never does', async () => {
    const broken = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      response.destroy();
    });
    await expect(fetchText(broken)).rejects.toMatchObject({ reason: 'Unavailable' });
    server?.close();
    const endless = await serve((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(2 ** 16)));
      };
      response.on('drain', more);
      more();
    });
    await expect(fetchText(endless)).rejects.toMatchObject({
      reason: 'Invalid',
      message: /more than 1048576 bytes/,
    });
  });

  it.each([
    ['https://github.com/o/r/blob/main/t.yaml', 'https://raw.githubusercontent.com/o/r/main/t.yaml'],
    ['https://lab/o/r/-/blob/main/t.yaml', 'https://lab/o/r/-/raw/main/t.yaml'],
    ['https://tea/o/r/src/branch/main/t.yaml', 'https://tea/o/r/raw/branch/main/t.yaml'],
  ])('%s is read as %s', (page, raw) => expect(rawUrl(page)).toBe(raw));
});
