import { invalid, TagboatError } from '@tagboat/base';
import type { FastifyInstance, FastifyReply } from 'fastify';

const patience = 60_000;
const mostAnswer = 8 * 2 ** 20;
const nameForm = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * `/tagboat/services/<namespace>/<name>/predict`: asks what is served on the apps port, for the console, whose pages
 * may not speak to another origin. Whatever the model answers comes back as JSON that no browser takes for a page.
 */
export function askServiceRoutes(scope: FastifyInstance, appsUrl: () => string): void {
  scope.route<{ Params: { namespace: string; name: string } }>({
    method: ['GET', 'POST'],
    url: '/tagboat/services/:namespace/:name/predict',
    handler: async ({ params: { namespace, name }, method, body }, reply) => {
      if (!nameForm.test(namespace) || !nameForm.test(name))
        throw invalid(`there is no service ${namespace}/${name}`);
      const started = performance.now();
      const response = await ask(`${appsUrl()}/${namespace}/${name}/predict`, {
        method,
        ...(method === 'POST' ? { body: JSON.stringify(body ?? null) } : {}),
      });
      return answer(reply, response, performance.now() - started);
    },
  });
}

async function ask(url: string, request: { method: string; body?: string }): Promise<Response> {
  try {
    const headers = { 'content-type': 'application/json' };
    return await fetch(url, {
      ...request,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(patience),
    });
  } catch (cause) {
    throw new TagboatError('the model did not answer', { reason: 'Unavailable', cause });
  }
}

async function answer(reply: FastifyReply, response: Response, milliseconds: number): Promise<FastifyReply> {
  const text = await textOf(response, mostAnswer);
  return reply
    .headers({
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    .send({
      status: response.status,
      milliseconds: Math.round(milliseconds * 10) / 10,
      model: response.headers.get('x-tagboat-model'),
      body: parsed(text),
    });
}

/** The content of an answer; what is longer is not even read. @throws `TooLarge`, `Unavailable` where it breaks off */
export async function textOf({ body }: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of body ?? []) {
      size += part.length;
      if (size > most) throw new TagboatError('the answer is too large to show', { reason: 'TooLarge' });
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof TagboatError) throw cause;
    throw new TagboatError('the answer of the model broke off', { reason: 'Unavailable', cause });
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
