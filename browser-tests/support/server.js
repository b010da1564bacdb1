// The server in local mode, on free ports, with new data.
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.env.API_BIN ?? join(root, 'target/debug/api');

async function listen(port) {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

const close = (server) => new Promise((resolve) => server.close(resolve));

// A free port with a free one above it.
async function freePorts() {
  for (;;) {
    const first = await listen(0);
    const { port } = first.address();
    const second = await listen(port + 1).catch(() => null);
    await close(first);
    if (second) {
      await close(second);
      return [port, port + 1];
    }
  }
}

export async function startServer() {
  const [port, googlePort] = await freePorts();
  const directory = await mkdtemp(join(tmpdir(), 'browser-tests-'));
  // Where this runs as root, PostgreSQL runs as another user, who must get through.
  await chmod(directory, 0o755);
  const { DATABASE_URL, PORT, K_SERVICE, ...env } = process.env;
  Object.assign(env, { BIND: `127.0.0.1:${port}`, LOCAL_GOOGLE_PORT: `${googlePort}`, DATA_DIR: join(directory, 'data') });
  let log = '';
  const child = spawn(binary, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (text) => (log += text));
  child.stderr.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  let running = true;
  ended.then(() => (running = false));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 300; tries++) {
    if (!running) break;
    const ready = await fetch(`${url}/readyz`).catch(() => null);
    if (ready?.ok) return { url, googleUrl: `http://127.0.0.1:${googlePort}`, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`the server does not get ready:\n${log}`);
}
