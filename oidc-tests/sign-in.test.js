// Signing in at a provider that is none of ours: https://github.com/panva/node-oidc-provider, as it comes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, freePorts, startProvider, startServer } from './support.js';

// `school` tells the address at its userinfo endpoint, as the standard has it; `club` in the ID token too, as many do.
let school;
let club;
let server;
before(async () => {
  const port = await freePorts();
  school = await startProvider(port, 'school');
  club = await startProvider(port, 'club', { conformIdTokenClaims: false });
  server = await startServer(port, [school, club]);
});
after(async () => {
  await server?.stop();
  await school?.stop();
  await club?.stop();
});

const signIn = async (provider, account, returnTo = '/docs/') => {
  const browser = new Browser();
  const query = new URLSearchParams({ provider: provider.id, return_to: returnTo });
  const end = await browser.goThrough(`${server.url}/v1/auth/sign-in?${query}`, server.url, account);
  return { browser, end };
};
const me = (browser) => browser.ask('GET', `${server.url}/v1/me`);

for (const [name, userinfo] of [
  ['school', true],
  ['club', false],
]) {
  test(`people of the ${name} sign in and out`, async () => {
    const provider = { school, club }[name];
    const { browser, end } = await signIn(provider, 'ada', '/docs/?tab=1#me');
    assert.equal(end, '/docs/?tab=1#me');
    assert.equal(provider.asked.includes('/me'), userinfo);
    const { status, body } = await me(browser);
    assert.equal(status, 200);
    assert.equal(body.email, 'ada@school.example');
    assert.equal(body.name, 'ada of School');
    assert.deepEqual(body.roles, ['student']);
    assert.ok(!browser.has(server.url, 'sign-in-'));

    const again = await signIn(provider, 'ada');
    assert.equal((await me(again.browser)).body.id, body.id);
    assert.equal((await browser.ask('POST', `${server.url}/v1/auth/sign-out`)).status, 204);
    assert.equal((await me(browser)).status, 401);
    assert.equal((await me(again.browser)).status, 200);
    assert.deepEqual(provider.errors, []);
  });
}

test('one address at two providers is two people, until one links the other', async () => {
  const atSchool = await signIn(school, 'bob');
  const atClub = await signIn(club, 'bob');
  const [one, other] = [(await me(atSchool.browser)).body, (await me(atClub.browser)).body];
  assert.equal(one.email, other.email);
  assert.notEqual(one.id, other.id);

  const identities = `${server.url}/v1/me/identities`;
  const link = async (browser, account) => {
    const started = await browser.ask('POST', identities, { provider: 'club', return_to: '/settings' });
    assert.equal(started.status, 200);
    return browser.goThrough(started.body.authorization_url, server.url, account);
  };
  assert.equal(await link(atSchool.browser, 'bob'), '/settings?sign_in_error=identity_taken');

  const carl = await signIn(school, 'carl');
  const end = await link(carl.browser, 'carl-at-club');
  const id = new URL(end, server.url).searchParams.get('confirm_identity');
  assert.ok(id, end);
  const confirmed = await carl.browser.ask('POST', `${identities}/${id}/confirm`);
  assert.equal(confirmed.status, 200);
  assert.equal(confirmed.body.provider, 'club');
  const byClub = await signIn(club, 'carl-at-club');
  assert.equal((await me(byClub.browser)).body.id, (await me(carl.browser)).body.id);
  assert.equal((await byClub.browser.ask('DELETE', `${identities}/${id}`)).status, 204);
  const list = await carl.browser.ask('GET', identities);
  assert.deepEqual(
    list.body.items.map((item) => item.provider),
    ['school'],
  );
});

test('who says no comes back and is told', async () => {
  const { browser, end } = await signIn(school, null);
  assert.equal(end, '/docs/?sign_in_error=access_denied');
  assert.equal((await me(browser)).status, 401);
});

test('who has no verified address is told', async () => {
  for (const provider of [school, club]) {
    const { browser, end } = await signIn(provider, 'stranger');
    assert.equal(end, '/docs/?sign_in_error=email_not_verified');
    assert.equal((await me(browser)).status, 401);
  }
});

test('the page of choices leads to each provider', async () => {
  const browser = new Browser();
  const page = await (await browser.send(`${server.url}/v1/auth/sign-in?return_to=/a`)).text();
  const links = [...page.matchAll(/href="([^"]+)"/g)].map((match) => match[1].replaceAll('&amp;', '&'));
  assert.equal(links.length, 3, 'Google, the school and the club');
  const end = await browser.goThrough(`${server.url}${links[1]}`, server.url, 'dora');
  assert.equal(end, '/a');
  assert.equal((await me(browser)).body.email, 'dora@school.example');
});

test('nothing secret is in the log', async () => {
  assert.doesNotMatch(server.log(), /a-secret-of-the-school|code=|id_token|eyJ/);
});
