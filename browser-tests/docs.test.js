// What a frontend developer does first: open the server, read, sign in, try things out. In a real browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inNewBrowser, launch } from './support/browser.js';
import * as docs from './support/docs.js';
import { startServer } from './support/server.js';

const STUDENT = 'mia@example.com';
const TUTOR = 'amara@example.com';

let server;
let browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

// `expected`: what may go wrong in the browser, for that is what the test is about.
const browse = (name, act, expected) =>
  test(name, (t) => inNewBrowser(browser, t.name.replaceAll(/\W+/g, '-'), act, expected));

browse('the front door leads to the docs', async (page) => {
  await docs.open(page, server);
  assert.equal(page.url(), `${server.url}/docs/`);
  await page.getByRole('heading', { name: 'Tutoring Scheduler' }).waitFor();
  const shown = await page.locator('.opblock').count();
  const document = await page.evaluate(() => fetch('/openapi.json').then((answer) => answer.json()));
  const operations = Object.values(document.paths).flatMap((item) => Object.keys(item));
  assert.equal(shown, operations.length);
});

browse('who signs in is who the API says', async (page) => {
  await docs.open(page, server);
  const chooser = await docs.followSignIn(page);
  assert.ok(chooser.url().startsWith(server.googleUrl));
  await chooser.getByText('This is NOT Google').waitFor();
  await chooser.getByRole('button', { name: STUDENT }).click();
  await chooser.locator('.opblock').first().waitFor();
  assert.equal(chooser.url(), `${server.url}/docs/`);
  const { status, body } = await docs.execute(chooser, 'me', 'get_me');
  assert.equal(status, 200);
  assert.equal(body.email, STUDENT);
});

browse('who cancels the sign-in comes back and is told', async (page) => {
  await docs.open(page, server);
  const chooser = await docs.followSignIn(page);
  await chooser.getByRole('button', { name: 'Cancel' }).click();
  await chooser.locator('.opblock').first().waitFor();
  assert.equal(chooser.url(), `${server.url}/docs/?sign_in_error=access_denied`);
});

browse('a lesson that a student books stands in the calendar of the tutor', async (page) => {
  const signedIn = await docs.signIn(page, server, STUDENT);
  const tutors = await docs.execute(signedIn, 'tutors', 'list_tutors', {
    parameters: { subject: 'mathematics', level: 'Bachelor' },
  });
  const tutor = tutors.body.items.find((item) => item.name === 'Amara Okafor');
  const from = new Date(Date.now() + 7 * 24 * 3600_000);
  const to = new Date(from.getTime() + 6 * 24 * 3600_000);
  const slots = await docs.execute(signedIn, 'tutors', 'list_slots', {
    parameters: { id: tutor.id, from: from.toISOString(), to: to.toISOString(), minutes: '90', time_zone: 'Europe/Berlin' },
  });
  assert.equal(slots.status, 200);
  const slot = slots.body.items.at(-1);
  const booked = await docs.execute(signedIn, 'bookings', 'create_booking', {
    body: { tutor_id: tutor.id, subject: 'mathematics', level: 'Bachelor', start: slot.start, end: slot.end },
  });
  assert.equal(booked.status, 201);
  assert.equal(booked.body.student.name, 'Mia Keller');

  // The event follows shortly after, so the page is opened until it is there.
  const time = `${slot.local_start.slice(11, 16)} - ${slot.local_end.slice(11, 16)}`;
  const event = page.locator('article.event', { hasText: time }).filter({ hasText: STUDENT });
  for (let tries = 0; tries < 30 && (await event.count()) === 0; tries++) {
    await page.waitForTimeout(500);
    await page.goto(`${server.googleUrl}/calendar?email=${encodeURIComponent(TUTOR)}`);
  }
  assert.equal(await event.count(), 1);
});

browse('the docs run no script but their own, whoever got one into the page', async (page) => {
  await docs.open(page, server);
  const reported = [];
  await page.exposeFunction('report', (violation) => reported.push(violation));
  await page.evaluate(() => {
    document.addEventListener('securitypolicyviolation', (event) => globalThis.report(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'globalThis.injected = true';
    document.body.append(script);
    const image = document.createElement('div');
    image.innerHTML = '<img src="data:," onerror="globalThis.injected = true">';
    document.body.append(image);
    const foreign = document.createElement('script');
    foreign.src = 'data:text/javascript,globalThis.injected = true';
    document.body.append(foreign);
  });
  while (reported.length < 3) await page.waitForTimeout(50);
  assert.deepEqual(reported.toSorted(), ['script-src-attr', 'script-src-elem', 'script-src-elem']);
  assert.equal(await page.evaluate(() => globalThis.injected), undefined);
  // Code out of text, after the call from here, which may do that, has ended.
  const evaluate = () => {
    try {
      return `${new Function('return 1')()}`;
    } catch (error) {
      return error.name;
    }
  };
  const source = `new Promise((resolve) => setTimeout(() => resolve((${evaluate})())))`;
  const evaluated = await page.evaluate(source);
  assert.equal(evaluated, 'EvalError');
}, /Content Security Policy|data:text\/javascript/);
