import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it, vi } from 'vitest';
import { Client } from './client.ts';
import { closedPort, instanceView, sendError, sendJson, stubHead } from './testing/stub-head.ts';

const ENTRY = fileURLToPath(new URL('./index.ts', import.meta.url));

describe('the main entry', () => {
  it('needs nothing of Node and no package, and stays small', async () => {
    // For a browser esbuild refuses any import of node:.
    const { outputFiles, metafile } = await build({
      entryPoints: [ENTRY],
      bundle: true,
      // What is loaded when it is first needed (the reader of YAML) lies in a file of its own.
      splitting: true,
      outdir: 'out',
      platform: 'browser',
      format: 'esm',
      minify: true,
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const loaded = new Set<string>();
    const follow = (path: string): void => {
      if (loaded.has(path)) return;
      loaded.add(path);
      for (const { path: next, kind } of metafile.outputs[path]?.imports ?? [])
        if (kind === 'import-statement') follow(next);
    };
    follow('out/index.js');
    const atOnce = outputFiles.filter((file) => [...loaded].some((path) => file.path.endsWith(path)));
    expect(atOnce.length).toBe(loaded.size);
    expect(atOnce.map((file) => file.text).join()).not.toMatch(/zod|smol|yaml\.org/i);
    expect(atOnce.reduce((sum, file) => sum + file.contents.length, 0)).toBeLessThan(80_000);
  });

  it('lets a program end by itself that never closes its client', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'client-test-'));
    await build({ entryPoints: [ENTRY], bundle: true, format: 'esm', outfile: join(folder, 'drover.mjs') });
    await using head = await stubHead(({ path }, response) => {
      if (path.endsWith('/logs')) response.writeHead(200).write('some');
      else sendJson(response, 200, instanceView({ status: 'COMPLETED' }));
    });
    await writeFile(
      join(folder, 'script.mjs'),
      `import { Client } from './drover.mjs';
       const client = await Client.connect({ url: process.argv[2] });
       await client.instances.wait('web');
       for await (const chunk of client.instances.followLogs('web')) break;
       await client.instances.wait('web', { timeoutMs: 60000 });
       process.stdout.write('done');`,
    );
    const child = spawn(process.execPath, [join(folder, 'script.mjs'), head.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const doneAt = performance.now();
    expect(await ended).toBe(0);
    expect(performance.now() - doneAt).toBeLessThan(5_000);
    await rm(folder, { recursive: true });
  });
});

describe('Client', () => {
  it('takes address and token from the environment when none is given', async () => {
    await using head = await stubHead((_, response) => sendJson(response, 200, { rev: 1 }));
    vi.stubEnv('DROVER_HEAD', head.url);
    vi.stubEnv('DROVER_TOKEN', 'of-env');
    try {
      await Client.connect();
    } finally {
      vi.unstubAllEnvs();
    }
    expect(head.seen[0]?.headers.authorization).toBe('Bearer of-env');
  });

  it('connects only where a head answers and knows the token', async () => {
    await using head = await stubHead((_, response) => sendError(response, 401, 'UNAUTHENTICATED'));
    await expect(Client.connect({ url: head.url })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const url = `http://127.0.0.1:${await closedPort()}`;
    await expect(Client.connect({ url, retryMs: 0 })).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE' });
  });

  it('uses the fetch that it is given', async () => {
    const seen: string[] = [];
    const given: typeof fetch = async (input) => {
      seen.push(String(input));
      return Response.json({ rev: 3 });
    };
    expect((await new Client({ url: 'http://h', fetch: given }).head.get()).rev).toBe(3);
    expect(seen).toEqual(['http://h/v1/head']);
  });
});
