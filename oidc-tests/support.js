// An OpenID Connect provider, the server in local mode that knows it, and a browser without pages.
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Provider from 'oidc-provider';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = process.env.API_BIN ?? join(root, 'target/debug/api');

const listen = (server, port = 0) =>
  new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server.address().port)));
const close = (server) =>
  new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });

// A free port with a free one above it.
export async function freePorts() {
  for (;;) {
    const [first, second] = [createServer(), createServer()];
    const port = await listen(first);
    const above = await listen(second, port + 1).catch(() => null);
    await close(first);
    if (above) {
      await close(second);
      return port;
    }
  }
}

// People sign in by their address; the first part of it is the account. `stranger` has not verified the address.
function findAccount(_, id) {
  const claims = () => ({ sub: id, email: `${id}@school.example`, email_verified: id !== 'stranger', name: `${id} of School` });
  return { accountId: id, claims };
}

// Its own defaults, but for what everybody has to say: who are the clients, the people, and what is known of them.
export async function startProvider(serverPort, id, settings = {}) {
  const server = createServer((request, answer) => provider.callback()(request, answer));
  const issuer = `http://127.0.0.1:${await listen(server)}`;
  const client = {
    client_id: 'tutoring',
    client_secret: 'a-secret-of-the-school',
    redirect_uris: [`http://127.0.0.1:${serverPort}/v1/auth/callback/${id}`],
  };
  const claims = { email: ['email', 'email_verified'], profile: ['name'] };
  const provider = new Provider(issuer, { clients: [client], findAccount, claims, ...settings });
  provider.on('server_error', (_, error) => console.error(error));
  const errors = [];
  for (const event of ['authorization.error', 'grant.error', 'userinfo.error']) {
    provider.on(event, (_, error) => errors.push(`${event}: ${error.error_description ?? error.message}`));
  }
  const asked = [];
  provider.use(async (context, next) => {
    asked.push(context.path);
    await next();
  });
  const prefix = `OIDC_${id.toUpperCase()}`;
  const variables = {
    [`${prefix}_NAME`]: `The ${id}`,
    [`${prefix}_ISSUER`]: issuer,
    [`${prefix}_CLIENT_ID`]: client.client_id,
    [`${prefix}_CLIENT_SECRET`]: client.client_secret,
  };
  return { id, issuer, variables, errors, asked, stop: () => close(server) };
}

export async function startServer(port, providers) {
  const directory = await mkdtemp(join(tmpdir(), 'oidc-tests-'));
  // Where this runs as root, PostgreSQL runs as another user, who must get through.
  await chmod(directory, 0o755);
  const { DATABASE_URL, PORT, K_SERVICE, ...env } = process.env;
  Object.assign(env, { BIND: `127.0.0.1:${port}`, DATA_DIR: join(directory, 'data') }, ...providers.map((one) => one.variables));
  env.OIDC_PROVIDERS = providers.map((one) => one.id).join(',');
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
  for (let tries = 0; tries < 300 && running; tries++) {
    const ready = await fetch(`${url}/readyz`).catch(() => null);
    if (ready?.ok) return { url, stop, log: () => log };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`the server does not get ready:\n${log}`);
}

// Follows redirects and keeps cookies, by origin; fills in the forms of the provider's own pages.
export class Browser {
  #jars = new Map();

  async send(url, options = {}) {
    const { origin } = new URL(url);
    const jar = this.#jars.get(origin) ?? new Map();
    this.#jars.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', ...options.headers, ...(cookie && { cookie }) };
    const answer = await fetch(url, { ...options, headers, redirect: 'manual' });
    for (const text of answer.headers.getSetCookie()) {
      const [pair, ...attributes] = text.split('; ');
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const gone = value === '' || attributes.some((attribute) => /^max-age=0$/i.test(attribute));
      if (gone) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  // Goes on until a page of this server is reached, answering all questions on the way as this account. Without one, says no.
  async goThrough(url, home, account) {
    for (let steps = 0; steps < 20; steps++) {
      const { origin, pathname } = new URL(url);
      if (origin === home && !pathname.startsWith('/v1/auth/')) return url.slice(home.length);
      let answer = await this.send(url);
      if (answer.status === 200 && origin !== home) answer = await this.#fillIn(url, await answer.text(), account);
      const location = answer.headers.get('location');
      if (!location) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
      url = new URL(location, url).href;
    }
    throw new Error(`no end of redirects at ${url}`);
  }

  #fillIn(url, page, account) {
    if (!account) return this.send(new URL(page.match(/href="([^"]+\/abort)"/)[1], url));
    const action = page.match(/action="([^"]+)"/)[1];
    const prompt = page.match(/name="prompt" value="([^"]+)"/)[1];
    const body = new URLSearchParams({ prompt, login: account, password: 'any' });
    return this.send(new URL(action, url), { method: 'POST', body });
  }

  // Asks the server as a script of one of its pages.
  async ask(method, url, body) {
    const headers = { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) };
    const answer = await this.send(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text && JSON.parse(text) };
  }

  has(url, cookie) {
    return [...(this.#jars.get(url)?.keys() ?? [])].some((name) => name.startsWith(cookie));
  }
}
