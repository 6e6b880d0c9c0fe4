// Checks in a real browser who passes: an invitation, and what applications of other origins can
// read of a refusal.
//
//   SITE     URL of a closed site in front of this program's application, with MaintenanceCors for
//            this program's origin in /cors
//   PORT     the port of the application on 127.0.0.1
//   SECRET   the secret of an invitation
//
// Prints one line per check and exits with 1 if one failed. See browser.mjs for more variables.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import process from 'node:process';
import { check, expectErrors, text, withBrowser, withReader } from './browser.mjs';

const { SITE, PORT, SECRET } = process.env;
const ORIGIN = `http://127.0.0.1:${PORT}`;

const PAGE = `<!doctype html><html lang=en><title>The application</title>
<form method=post action=/app/form><input name=word><button>Send</button></form>
<p id=fetched></p><p id=socket></p>
<script>
  fetch('/app/data').then((answer) => answer.text()).then((it) => { fetched.textContent = it; });
  const ws = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
  ws.onmessage = ({ data }) => { socket.textContent = data; };
</script>`;

/** All that the application has received. */
const received = [];

function answer(request, response) {
  received.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)}`);
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    response.setHeader('Content-Type', 'text/html');
    if (request.url === '/app/data') response.end('fetched');
    else if (request.url === '/app/form') response.end(`<!doctype html><h1>${body}</h1>`);
    else response.end(PAGE);
  });
}

/** The handshake of RFC 6455, section 4.2.2, and one text frame. */
function upgrade(request, socket) {
  received.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)}`);
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const message = Buffer.from('over a socket');
  socket.write(Buffer.concat([Buffer.from([0x81, message.length]), message]));
  socket.on('error', () => {});
}

async function invitation(browser) {
  await withReader(browser, {}, async (page) => {
    const refused = await page.goto(`${SITE}/app/page?x=1`);
    check('without an invitation: the maintenance page', refused.status() === 500, refused.status());
  });
  await withReader(browser, {}, async (page) => {
    const link = `${SITE}/app/page?x=1&maintenance-invite=${SECRET}&y=%20`;
    const shown = await page.goto(link);
    check('the link leads to the page', shown.status() === 200, shown.status());
    check('and to its address', page.url() === `${SITE}/app/page?x=1&y=%20`, page.url());
    const history = shown.request().redirectedFrom();
    const first = history && (await history.response()).status();
    check('by a redirection', first === 303, first);
    for (const [what, id, expected] of [
      ['fetch', '#fetched', 'fetched'],
      ['a WebSocket', '#socket', 'over a socket'],
    ]) {
      await page.waitForFunction((it) => document.querySelector(it).textContent, id);
      const found = await text(page, id);
      check(`${what} works`, found === expected, found);
    }
    const cookies = await page.evaluate(() => document.cookie);
    check('scripts do not see the cookie', cookies === '', cookies);
    await page.fill('input', 'hello');
    await page.click('button');
    const posted = await text(page, 'h1');
    check('a form works', posted === 'word=hello', posted);
    check('no errors', page.errors.length === 0, page.errors);
  });
  const leaks = received.filter((line) => line.includes(SECRET));
  check('the application has not seen the secret', leaks.length === 0, leaks);
  check('it has seen the requests', received.length >= 4, received.length);
}

/** What a script of this program's origin can read of an answer of the site. */
const read = (page, path, options) => page.evaluate(async ([url, given]) => {
  try {
    const { status, headers } = await fetch(url, given);
    return [status, headers.get('Maintenance'), Number(headers.get('Retry-After')) > 0].join(' ');
  } catch (error) {
    return error.name;
  }
}, [`${SITE}${path}`, options]);

async function otherOrigins(browser) {
  await withReader(browser, {}, async (page) => {
    await page.goto(`${ORIGIN}/other`);
    const put = { method: 'PUT', headers: { 'X-Own': 'yes' }, body: 'x' };
    for (const [what, path, options, expected] of [
      ['with MaintenanceCors a script reads the refusal', '/cors/x', {}, '500 closed true'],
      ['with credentials, too', '/cors/x', { credentials: 'include' }, '500 closed true'],
      ['after a preflight, too', '/cors/x', put, '500 closed true'],
      ['without it there is a network error', '/x', {}, 'TypeError'],
      ['and for a preflight', '/x', put, 'TypeError'],
    ]) {
      const found = await read(page, path, options);
      check(what, found === expected, found);
    }
  });
}

expectErrors(() => true);
const application = createServer(answer).on('upgrade', upgrade);
application.listen(Number(PORT), '127.0.0.1');
await withBrowser(async (browser) => {
  await invitation(browser);
  await otherOrigins(browser);
});
application.close();
application.closeAllConnections();
