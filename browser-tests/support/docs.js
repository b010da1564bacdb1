// What a person does on the page at /docs/.
import assert from 'node:assert/strict';

export async function open(page, server) {
  await page.goto(server.url);
  await page.locator('.opblock').first().waitFor();
}

// Follows the link to sign in, wherever it opens; the page with the account chooser.
export async function followSignIn(page) {
  const link = page.getByRole('link', { name: 'Sign in', exact: true });
  const opened = page.waitForEvent('popup', { timeout: 3_000 }).catch(() => null);
  await link.click();
  const chooser = (await opened) ?? page;
  await chooser.getByRole('heading', { name: 'Choose an account' }).waitFor();
  return chooser;
}

export async function signIn(page, server, email) {
  await open(page, server);
  const chooser = await followSignIn(page);
  await chooser.getByRole('button', { name: email }).click();
  await chooser.locator('.opblock').first().waitFor();
  return chooser;
}

// Opens an operation, fills it in, executes it; status and body of the answer as the page shows them.
export async function execute(page, tag, operationId, { parameters = {}, body } = {}) {
  const operation = page.locator(`#operations-${tag}-${operationId}`);
  await operation.locator('.opblock-summary-control').click();
  for (const [name, value] of Object.entries(parameters)) {
    await operation.locator(`tr[data-param-name="${name}"] input`).fill(value);
  }
  if (body) await operation.locator('textarea.body-param__text').fill(JSON.stringify(body));
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = operation.locator('.live-responses-table tbody tr.response').first();
  const status = await answer.locator('.response-col_status').innerText();
  const text = await answer.locator('.highlight-code pre').first().innerText();
  assert.ok(text, 'the answer has a body');
  return { status: Number.parseInt(status, 10), body: JSON.parse(text) };
}
