// A browser whose every page is watched: what goes wrong anywhere in it fails the test.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const screenshots = fileURLToPath(new URL('../../target/browser-tests', import.meta.url));

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

// Runs `test` with a page of a new person. Nothing may go wrong in it but what is `expected`. A failure leaves a screenshot of each page under target/browser-tests/.
export async function inNewBrowser(browser, name, test, expected = /^$/) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(15_000);
  const wrong = [];
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (hostname !== '127.0.0.1' && !['data:', 'blob:'].includes(protocol)) {
      wrong.push(`a request left this machine: ${request.url()}`);
    }
  });
  context.on('response', (response) => {
    if (response.status() >= 400) wrong.push(`${response.status()} for ${response.url()}`);
  });
  context.on('requestfailed', (request) => wrong.push(`${request.failure().errorText} for ${request.url()}`));
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => wrong.push(`script: ${error.error()}`));
  try {
    await test(await context.newPage());
    assert.deepEqual(wrong.filter((what) => !expected.test(what)), []);
  } catch (error) {
    await mkdir(screenshots, { recursive: true });
    for (const [at, page] of context.pages().entries()) {
      await page.screenshot({ path: join(screenshots, `${name}-${at}.png`), fullPage: true }).catch(() => {});
    }
    if (wrong.length) error.message += `\nwhat went wrong in the browser:\n${wrong.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
}
