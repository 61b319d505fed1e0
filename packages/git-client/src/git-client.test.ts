import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256 } from '@tagboat/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Commit,
  checkUrl,
  commitFiles,
  fetchMirror,
  git,
  lsRemote,
  readBranch,
  readLog,
  revertCommit,
} from './index.ts';

let directory: string;
let url: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-git-'));
  url = join(directory, 'origin.git');
  await git(['init', '--quiet', '--bare', url]);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const put = (path: string, text: string, message = `write ${path}`) =>
  commitFiles({ url, branch: 'main', message, change: (tree) => tree.write(path, text) });

it('digests contents without holding them, also of many files and of binary ones', async () => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  await commitFiles({
    url,
    branch: 'main',
    message: 'm',
    change: async (tree) => {
      await tree.write('large', content);
      await tree.write('empty', '');
      for (let index = 0; index < 50; index++) await tree.write(`d/${index}`, `${index}\n100644 blob 3\n`);
    },
  });
  const commit = await Commit.at(url, 'main');
  const files = await commit.files();
  const digests = await commit.digests(files);
  for (const [index, { path }] of files.entries())
    expect(digests[index]).toBe(sha256((await commit.read(path))!));
  await expect(commit.digests([{ ...files[0]!, id: '0'.repeat(40) }])).rejects.toThrow(/missing/);
  expect(await commit.digests([])).toEqual([]);
});

describe('commitFiles', () => {
  it('starts an empty repository and says when nothing changed', async () => {
    const first = await put('a.txt', 'one');
    expect(first.changed).toBe(true);
    expect(await put('a.txt', 'one')).toEqual({ commit: first.commit, changed: false });
    const { refs, defaultBranch } = await lsRemote(url);
    expect(refs).toEqual({ 'refs/heads/main': first.commit });
    expect(defaultBranch).toBe('main');
  });

  it('makes the change anew when somebody else was first', async () => {
    await put('a.txt', '1');
    let calls = 0;
    await commitFiles({
      url,
      branch: 'main',
      message: 'mine',
      change: async (tree) => {
        if (calls++ === 0) await put('b.txt', 'theirs');
        await tree.write('a.txt', `${await tree.read('a.txt')}2`);
      },
    });
    expect(calls).toBe(2);
    await fetchMirror(url, join(directory, 'mirror'));
    const commit = await Commit.at(join(directory, 'mirror'), 'main');
    expect([await commit.readText('a.txt'), await commit.readText('b.txt')]).toEqual(['12', 'theirs']);
  });
});

it('neither reads nor writes through links of a repository', async () => {
  await writeFile(join(directory, 'secret'), 'not for commits');
  await git(['clone', '--quiet', url, join(directory, 'copy')]);
  const cwd = join(directory, 'copy');
  await symlink(join(directory, 'secret'), join(cwd, 'file.txt'));
  await symlink(directory, join(cwd, 'overlays'));
  await git(['add', '--all'], { cwd });
  await git(['commit', '--quiet', '-m', 'links'], { cwd });
  await git(['push', '--quiet', 'origin', 'HEAD:refs/heads/main'], { cwd });
  let read: string | undefined;
  await commitFiles({
    url,
    branch: 'main',
    message: 'over links',
    change: async (tree) => {
      read = await tree.read('file.txt');
      await tree.write('file.txt', 'mine');
      await expect(tree.write('overlays/secret', 'mine')).rejects.toThrow();
      await tree.write('other.txt', 'other');
    },
  });
  expect(read).not.toMatch(/not for commits/);
  expect(await readFile(join(directory, 'secret'), 'utf8')).toBe('not for commits');
  const { stdout } = await git(['ls-tree', 'main'], { cwd: url });
  expect(stdout.toString()).toMatch(/120000 blob \w+\toverlays/);
});

describe('reading', () => {
  it('lists, exports and logs with trailers', async () => {
    await put('src/x.py', 'x', 'First\n\nTagboat-Run: r-1\nTagboat-Tag: v1');
    const mirror = join(directory, 'mirror');
    await fetchMirror(url, mirror);
    const commit = await Commit.at(mirror, 'main');
    expect((await commit.files()).map(({ path, mode }) => [path, mode])).toEqual([['src/x.py', '100644']]);
    await commit.export(join(directory, 'out'), ['src/x.py']);
    expect(await readFile(join(directory, 'out/src/x.py'), 'utf8')).toBe('x');
    await commit.export(join(directory, 'empty'), []);
    expect(await readdir(join(directory, 'empty'))).toEqual([]);
    const [entry] = await readLog(mirror, { revision: 'main' });
    expect(entry?.trailers).toEqual({ 'Tagboat-Run': 'r-1', 'Tagboat-Tag': 'v1' });
  });

  it('keeps the index of a commit that several export, for that commit alone', async () => {
    const { commit: first } = await put('src/x.py', 'x');
    const { commit: second } = await put('src/x.py', 'y');
    const mirror = join(directory, 'mirror');
    await fetchMirror(url, mirror);
    const exported = async (id: string, name: string) => {
      const commit = await Commit.at(mirror, id, ['src/x.py'], { exported: true });
      expect((await commit.files()).map(({ path }) => path)).toEqual(['src/x.py']);
      await commit.export(join(directory, name));
      expect(await readdir(join(directory, name))).toEqual(['src']);
      return readFile(join(directory, name, 'src/x.py'), 'utf8');
    };
    expect(await Promise.all([exported(first, 'a'), exported(first, 'b')])).toEqual(['x', 'x']);
    expect([await exported(second, 'c'), await exported(first, 'd')]).toEqual(['y', 'x']);
    const kept = (await readdir(mirror)).filter((name) => name.startsWith('tagboat-index-'));
    expect(kept.sort()).toEqual([first, second].map((id) => `tagboat-index-${id}`).sort());
    await expect(Commit.at(mirror, '0'.repeat(40), [], { exported: true })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });

  it('shows every commit, whatever its message holds', async () => {
    await put('a.txt', '1', 'first \u0001 and\n\nmore \u0001 of it\n\nTagboat-Run: r1');
    await put('a.txt', '2', 'second');
    await fetchMirror(url, join(directory, 'mirror'));
    const log = await readLog(join(directory, 'mirror'), { revision: 'main' });
    expect(log.map(({ subject }) => subject)).toEqual(['second', 'first \u0001 and']);
    expect(log[1]!.trailers).toEqual({ 'Tagboat-Run': 'r1' });
  });

  it.each([
    ['an absolute link', { l: '/etc' }],
    ['a link that climbs', { 'a/l': '../..' }],
    ['a link that climbs by way of another', { 'x/y/z/s': '../../..', l: 'x/y/z/s/../etc' }],
    ['a link that climbs by way of two', { 'x/y/s': '../..', t: 'x/y/s', l: 't/../..' }],
  ])('exports no tree with %s', async (_, links) => {
    const cwd = join(directory, 'work');
    await git(['clone', '--quiet', url, cwd]);
    for (const [path, target] of Object.entries(links)) {
      await mkdir(dirname(join(cwd, path)), { recursive: true });
      await symlink(target, join(cwd, path));
    }
    await git(['add', '-A'], { cwd });
    await git(['commit', '--quiet', '-m', 'links'], { cwd });
    const commit = await Commit.at(cwd, 'HEAD');
    await expect(commit.export(join(directory, 'out'))).rejects.toThrow('leads outside the repository');
  });

  it('says that the name of a file is not UTF-8', async () => {
    const cwd = join(directory, 'work');
    await git(['init', '--quiet', cwd]);
    await writeFile(Buffer.concat([Buffer.from(`${cwd}/x`), Buffer.from([0xff])]), '');
    await git(['add', '-A'], { cwd });
    await git(['commit', '--quiet', '-m', 'x'], { cwd });
    const commit = await Commit.at(cwd, 'HEAD');
    await expect(commit.export(join(directory, 'out'))).rejects.toThrow('the name of a file is not UTF-8');
  });

  it('exports links that stay inside, also those that lead nowhere or in a circle', async () => {
    const cwd = join(directory, 'work');
    await git(['clone', '--quiet', url, cwd]);
    await mkdir(join(cwd, 'a/b'), { recursive: true });
    await writeFile(join(cwd, 'a/file'), 'text');
    const links = { 'a/b/up': '..', 'a/b/file': 'up/file', nowhere: 'none/x', one: 'two', two: 'one' };
    for (const [path, target] of Object.entries(links)) await symlink(target, join(cwd, path));
    await git(['add', '-A'], { cwd });
    await git(['commit', '--quiet', '-m', 'links'], { cwd });
    await (await Commit.at(cwd, 'HEAD')).export(join(directory, 'out'));
    expect(await readFile(join(directory, 'out/a/b/file'), 'utf8')).toBe('text');
  });

  it('one mirror is brought up to date by many at once, and each sees what was there when it asked', async () => {
    const mirror = join(directory, 'mirror');
    for (const text of ['1', '2', '3']) {
      const { commit } = await put('a', text);
      const refs = Array.from({ length: 40 }, (_, at) => `update refs/tags/t${at} ${commit}\n`).join('');
      await git(['update-ref', '--stdin'], { cwd: url, stdin: refs });
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          await fetchMirror(url, mirror);
          expect((await Commit.at(mirror, 'refs/tags/t39')).id).toBe(commit);
        }),
      );
    }
  });

  it('reads files ahead, by any name of the commit, and tells those that are not there', async () => {
    const { commit: id } = await put('dir/a.txt', 'one\ntwo\n');
    await git(['tag', '-a', '-m', 'a tag', 'v1', id], { cwd: url });
    const commit = await Commit.at(url, 'v1', ['dir/a.txt', 'none', 'dir', 'two\nlines']);
    expect(commit.id).toBe(id);
    // What was read ahead needs no repository any more.
    await rm(url, { recursive: true });
    expect(await commit.readText('dir/a.txt')).toBe('one\ntwo\n');
    for (const path of ['none', 'dir', 'two\nlines']) expect(await commit.read(path)).toBeUndefined();
  });

  it('tells who wrote a commit and why, as git does: merges, signatures, other encodings', async () => {
    const { commit: first } = await put('a', '1');
    const tree = (await git(['rev-parse', `${first}^{tree}`], { cwd: url })).stdout.toString().trim();
    const write = async (lines: string, encoding: BufferEncoding = 'utf8') => {
      const stdin = Buffer.from(`tree ${tree}\n${lines}`, encoding);
      const { stdout } = await git(['hash-object', '-t', 'commit', '-w', '--stdin', '--literally'], {
        cwd: url,
        stdin,
      });
      return Commit.at(url, stdout.toString().trim());
    };
    const by = 'author Zoë <z@x> 1 +0000\ncommitter C <c@x> 1 +0000\n';
    const commits = [
      await Commit.at(url, first),
      await write(
        `parent ${first}\nparent ${first}\n${by}gpgsig -----BEGIN\n author no <no> \n -----END\n\n\nSubject\n\nBody: é\n\n`,
      ),
      await write(`${by}encoding ISO-8859-1\n\nté\n`, 'latin1'),
      await write('author <z@x> 1 +0000\ncommitter <c@x> 1 +0000\n'),
    ];
    for (const commit of commits) {
      const format = '--format=%an%x00%ae%x00%P%x00%B';
      const { stdout } = await git(['log', '-1', format, commit.id], { cwd: url });
      const [name, email, parents, message] = stdout.toString().split('\0');
      expect(await commit.origin()).toEqual({
        name,
        email,
        parents: parents!.split(' ').filter(Boolean),
        message: message!.trim(),
      });
    }
  });

  it('reads a branch of a given depth, and none where there is no such branch', async () => {
    const source = { url, branch: 'main', depth: 1 };
    expect(await readBranch(source, (head) => head.message())).toBeUndefined();
    await put('a', '1', 'first');
    await put('a', '2', 'second');
    const subjects = await readBranch(source, async ({ repository }) =>
      (await readLog(repository, { revision: 'main' })).map(({ subject }) => subject),
    );
    expect(subjects).toEqual(['second']);
    expect(await readBranch({ url, branch: 'other' }, (head) => head.message())).toBeUndefined();
    const none = readBranch({ url: join(directory, 'none'), branch: 'main' }, (head) => head.message());
    await expect(none).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('reverts a commit', async () => {
    await put('a', '1');
    const second = await put('a', '2');
    await revertCommit({ url, branch: 'main', commit: second.commit, trailers: ['Tagboat-Rollback: yes'] });
    const mirror = join(directory, 'mirror');
    await fetchMirror(url, mirror);
    expect(await (await Commit.at(mirror, 'main')).readText('a')).toBe('1');
    expect((await readLog(mirror, { revision: 'main' }))[0]?.trailers['Tagboat-Rollback']).toBe('yes');
  });

  it('takes a commit back in its own way where later ones changed the same lines, also while others push', async () => {
    await put('a', '1');
    const second = await put('a', '2');
    await put('a', '3');
    const target = { url, branch: 'main', commit: second.commit };
    await expect(revertCommit(target)).rejects.toMatchObject({
      reason: 'RevertFailed',
      hint: expect.stringContaining(`git revert ${second.commit.slice(0, 10)}`),
    });
    let asked = 0;
    const { changed } = await revertCommit({
      ...target,
      onConflict: async (tree, before) => {
        if (asked++ === 0) await put('b', 'in between');
        await tree.write('a', `${await before('a')}, by hand`);
        return true;
      },
    });
    const read = (path: string) => readBranch({ url, branch: 'main' }, (head) => head.readText(path));
    expect({ changed, asked, a: await read('a'), b: await read('b') }).toEqual({
      changed: true,
      asked: 2,
      a: '1, by hand',
      b: 'in between',
    });
  });

  it('refuses what is no URL, and names what is missing', async () => {
    expect(() => checkUrl('--upload-pack=x')).toThrow(/not a git URL/);
    await expect(lsRemote(join(directory, 'none'))).rejects.toMatchObject({ reason: 'NotFound' });
    await expect(Commit.at(url, 'nope')).rejects.toMatchObject({ reason: 'NotFound' });
  });
});

describe('a server that sends git elsewhere', () => {
  const packet = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
  const advertisement = `${packet('# service=git-upload-pack\n')}0000${packet('version 2\n')}${packet('ls-refs\n')}0000`;
  const login = 'Basic dXNlcjpzZWNyZXQ=';

  /** An empty repository at `/r.git`, for those who log in where that is asked for; other paths lead to `to`. */
  async function serve(to: () => string, asksForLogin: boolean) {
    const logins: (string | undefined)[] = [];
    const server = createServer(({ url = '', method, headers }, answer) => {
      logins.push(headers.authorization);
      if (!url.startsWith('/r.git'))
        answer.writeHead(302, { location: to() + url.replace(/^\/\w+/, '/r.git') }).end();
      else if (asksForLogin && headers.authorization !== login)
        answer.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else if (method === 'GET')
        answer
          .writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
          .end(advertisement);
      else answer.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' }).end('0000');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, logins, port: (server.address() as AddressInfo).port };
  }

  it('shows the login to the host that it is for, and to no other', async () => {
    const other = await serve(() => '', false);
    const first: Awaited<ReturnType<typeof serve>> = await serve(
      () => `http://localhost:${other.port}`,
      true,
    );
    const moved: Awaited<ReturnType<typeof serve>> = await serve(
      () => `http://127.0.0.1:${moved.port}`,
      true,
    );
    const credentials = { username: 'user', password: 'secret' };
    expect(await lsRemote(`http://127.0.0.1:${first.port}/old`, { credentials })).toMatchObject({ refs: {} });
    expect(other.logins.length).toBeGreaterThan(1);
    expect(other.logins.filter(Boolean)).toEqual([]);
    expect(await lsRemote(`http://127.0.0.1:${moved.port}/old`, { credentials })).toMatchObject({ refs: {} });
    expect(moved.logins).toContain(login);
    for (const { server } of [other, first, moved]) server.close();
  });
});
