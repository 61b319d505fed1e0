import { invalid, notFound } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { commitChanges, defaultMessage, type FileOperation, moveRef, type Person } from './file-changes.ts';
import { type Opened, type RestContext, repo, restOf } from './rest-context.ts';
import { branchShape, commitMeta, commitShape, contentsShape, tagShape } from './shapes.ts';

/** Bytes of one request: a notebook with pictures fits. */
const largestBody = 32 * 2 ** 20;

interface FileBody {
  readonly content?: string;
  readonly sha?: string;
  readonly from_path?: string;
  readonly message?: string;
  readonly branch?: string;
  readonly new_branch?: string;
  readonly author?: Person;
  readonly files?: readonly {
    operation?: string;
    path?: string;
    content?: string;
    sha?: string;
    from_path?: string;
  }[];
}

/** Saving files (each save is a commit), making branches and tags. */
export function writeRoutes(app: FastifyInstance, context: RestContext): void {
  const write = (method: 'POST' | 'PUT' | 'DELETE', operation: FileOperation['operation']) =>
    app.route<{ Body: FileBody }>({
      method,
      url: `${repo}/contents/*`,
      bodyLimit: largestBody,
      handler: async (request, reply) => {
        const body = bodyOf(request);
        const operations = [operationOf({ operation, path: restOf(request), ...body })];
        const saved = await save(await writable(request, context), { body, operations, context, request });
        return reply
          .code(method === 'POST' ? 201 : 200)
          .send({ ...saved, content: saved.files[0] ?? null, files: undefined });
      },
    });
  write('POST', 'create');
  write('PUT', 'update');
  write('DELETE', 'delete');
  app.post<{ Body: FileBody }>(`${repo}/contents`, { bodyLimit: largestBody }, async (request, reply) => {
    const body = bodyOf(request);
    if (!Array.isArray(body.files) || body.files.length === 0) throw invalid('expected "files" to change');
    const operations = body.files.map((file) => operationOf(file));
    return reply
      .code(201)
      .send(await save(await writable(request, context), { body, operations, context, request }));
  });
  refRoutes(app, context);
}

function bodyOf(request: FastifyRequest): FileBody {
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('expected a JSON object as the body');
  return body as FileBody;
}

async function writable(request: FastifyRequest, context: RestContext): Promise<Opened> {
  const opened = await context.open(request);
  if (opened.repository.spec?.url !== undefined)
    throw invalid(`${opened.namespace}/${opened.name} is hosted at ${opened.repository.spec.url}`, {
      hint: 'push the change there',
    });
  return opened;
}

const operations = new Set(['create', 'update', 'delete', 'upload']);

function operationOf(file: {
  operation?: string;
  path?: string;
  content?: string;
  sha?: string;
  from_path?: string;
}): FileOperation {
  const { operation = '', path, content, sha } = file;
  if (!operations.has(operation))
    throw invalid(`expected an operation create, update, upload or delete, found "${operation}"`);
  if (typeof path !== 'string') throw invalid('expected the path of each file');
  if (content !== undefined && (typeof content !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)))
    throw invalid(`expected the content of "${path}" in base64`);
  return {
    operation: operation as FileOperation['operation'],
    path,
    ...(content === undefined ? {} : { content: Buffer.from(content, 'base64') }),
    ...(sha ? { sha } : {}),
    ...(file.from_path ? { fromPath: file.from_path } : {}),
  };
}

async function save(
  opened: Opened,
  about: { body: FileBody; operations: FileOperation[]; context: RestContext; request: FastifyRequest },
) {
  const { reader, repository, links, namespace, name } = opened;
  const { body, operations: changes, context, request } = about;
  const branch = body.branch || repository.status?.defaultBranch || 'main';
  const target = await checkedBranch(opened, body.new_branch || branch);
  const parent = (await branches(opened)).get(branch);
  if (!parent && (await branches(opened)).size > 0) throw notFound(`there is no branch "${branch}"`);
  if (target !== branch && (await branches(opened)).has(target))
    throw invalid(`the branch "${target}" exists already`);
  const commit = await commitChanges(reader, {
    branch: target,
    parent,
    before: target === branch ? parent : undefined,
    message: body.message?.trim() || defaultMessage(changes),
    author: personOf(body.author) ?? { name: context.options.userOf(request), email: 'tagboat@localhost' },
    operations: changes,
  });
  await context.options.changed(namespace, name);
  const record = await reader.commit(commit);
  const { html_url, parents } = commitShape(links, record);
  const entries = await Promise.all(
    changes.filter(({ operation }) => operation !== 'delete').map(({ path }) => reader.entry(commit, path)),
  );
  return {
    files: entries.flatMap((entry) => (entry ? [contentsShape(links, entry, { ref: target })] : [])),
    commit: {
      ...commitMeta(links, commit, record.committer.date),
      html_url,
      author: record.author,
      committer: record.committer,
      message: record.message,
      parents,
      tree: { url: `${links.api}/git/trees/${record.tree}`, sha: record.tree },
    },
    verification: { verified: false, reason: 'gpg.error.not_signed_commit', signature: '', payload: '' },
  };
}

const personOf = (person: Person | undefined) =>
  person?.name && person.email && !/[<>\n\0]/.test(person.name + person.email) ? person : undefined;

async function branches({ reader }: Opened): Promise<Map<string, string>> {
  const refs = await reader.refs('refs/heads/');
  return new Map(refs.map(({ name, commit }) => [name.slice('refs/heads/'.length), commit]));
}

async function checkedBranch({ reader }: Opened, name: string): Promise<string> {
  await checkRef(reader.directory, `refs/heads/${name}`);
  return name;
}

async function checkRef(directory: string, ref: string): Promise<void> {
  await git(['check-ref-format', ref], { cwd: directory }).catch(() => {
    throw invalid(`"${ref}" cannot be the name of a ref`);
  });
}

function refRoutes(app: FastifyInstance, context: RestContext): void {
  app.post<{ Body: { new_branch_name?: string; old_branch_name?: string; old_ref_name?: string } }>(
    `${repo}/branches`,
    async (request, reply) => {
      const opened = await writable(request, context);
      const { reader, repository, links, namespace, name } = opened;
      const body = request.body ?? {};
      const branch = await checkedBranch(opened, body.new_branch_name ?? '');
      const from = body.old_ref_name ?? body.old_branch_name ?? repository.status?.defaultBranch ?? 'main';
      const commit = await reader.resolve(from);
      await moveRef(reader, { ref: `refs/heads/${branch}`, to: commit, from: undefined });
      await context.options.changed(namespace, name);
      const ref = { name: `refs/heads/${branch}`, id: commit, commit, date: '', message: '' };
      return reply.code(201).send(branchShape(links, ref, await reader.commit(commit)));
    },
  );
  app.post<{ Body: { tag_name?: string; target?: string; message?: string } }>(
    `${repo}/tags`,
    async (request, reply) => {
      const opened = await writable(request, context);
      const { reader, repository, links, namespace, name } = opened;
      const { tag_name = '', target, message } = request.body ?? {};
      await checkRef(reader.directory, `refs/tags/${tag_name}`);
      const commit = await reader.resolve(target ?? repository.status?.defaultBranch ?? 'HEAD');
      const id = message ? await tagObject(opened, { tag: tag_name, commit, message }) : commit;
      await moveRef(reader, { ref: `refs/tags/${tag_name}`, to: id, from: undefined });
      await context.options.changed(namespace, name);
      const [ref] = await reader.refs(`refs/tags/${tag_name}`);
      return reply.code(201).send(tagShape(links, ref!));
    },
  );
}

async function tagObject(
  { reader }: Opened,
  { tag, commit, message }: { tag: string; commit: string; message: string },
): Promise<string> {
  const { stdout } = await git(['var', 'GIT_COMMITTER_IDENT'], { cwd: reader.directory });
  const text = `object ${commit}\ntype commit\ntag ${tag}\ntagger ${stdout.toString('utf8').trim()}\n\n${message}\n`;
  const made = await git(['mktag'], { cwd: reader.directory, stdin: text });
  return made.stdout.toString('utf8').trim();
}
