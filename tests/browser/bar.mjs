// Checks in a real browser how the bar of the public notice behaves on an open page.
//
// The clock of the pages is moved, that of the server is not. Prints one line per check and exits
// with 1 if one failed. See browser.mjs and public.mjs for the variables.

import { MINUTE, check, withBrowser, withReader } from './browser.mjs';
import { BAR, NOTICE, SITE, announce, barText, shows, silence, soon } from './public.mjs';

const SCRIPT = `${NOTICE}/bar.js`;

/** `minutes` from now, and ten seconds, so that the checks do not have to hurry. */
const later = (minutes) => new Date(Date.now() + minutes * MINUTE + 10_000);

/** Opens a page whose clock can be moved, and counts what asks for the script. */
async function open(page, address = SITE) {
  page.asked = [];
  page.on('request', (request) => {
    if (request.url().startsWith(SCRIPT)) page.asked.push(request.url());
  });
  await page.clock.install();
  await page.goto(address);
}

/** Does something that lets the script ask, and waits until the answer has run. */
async function answered(page, act) {
  const answer = page.waitForResponse((one) => one.url().startsWith(SCRIPT));
  await act();
  await (await answer).finished();
  await page.waitForTimeout(200);
}

/** Moves the clock of the page by a minute. */
const nextMinute = (page) => answered(page, () => page.clock.fastForward(MINUTE));

/** Moves the clock of the page to so many minutes before a time. */
async function moveTo(page, time, minutes) {
  await page.clock.fastForward(time - minutes * MINUTE - await page.evaluate(() => Date.now()));
  await page.clock.runFor(100);
}

/** Lets the page see itself as hidden or visible. Headless tabs are always visible. */
const turn = (page, hidden) => page.evaluate((value) => {
  Object.defineProperty(document, 'hidden', { value, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden);

const dismiss = (page) => page.locator(`${BAR} button`).click();

/** Counts how often a text comes into an alert, which is when a screen reader announces it. */
const listen = (page) => page.addInitScript(() => {
  window.heard = [];
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function attachShadow(options) {
    const root = attach.call(this, options);
    new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes) {
        if (target.role === 'alert' && target.textContent) window.heard.push(target.textContent);
        for (const node of addedNodes) {
          const alerts = node.querySelectorAll ? [node, ...node.querySelectorAll('[role=alert]')] : [];
          for (const { role, textContent } of alerts) {
            if (role === 'alert' && textContent) window.heard.push(textContent);
          }
        }
      }
    }).observe(root, { childList: true, subtree: true, characterData: true });
    return root;
  };
});
const heard = (page) => page.evaluate(() => window.heard);

/** Once a minute while the page is visible. */
async function asks(browser) {
  await silence();
  await withReader(browser, {}, async (page) => {
    await open(page);
    check('opening a page asks once', page.asked.length === 1, page.asked);
    await page.clock.fastForward(59_000);
    await page.waitForTimeout(300);
    check('nothing for 59 seconds', page.asked.length === 1, page.asked);
    for (let minute = 1; minute <= 5; minute += 1) await nextMinute(page);
    check('then once a minute', page.asked.length === 6, page.asked);
    check('with an address for each minute', new Set(page.asked).size === 6, page.asked);
    const scripts = await page.locator('script').count();
    check('and without leaving scripts behind', scripts === 1, scripts);
    await turn(page, true);
    for (let minute = 1; minute <= 5; minute += 1) {
      await page.clock.fastForward(MINUTE);
      await page.waitForTimeout(100);
    }
    check('a hidden page does not ask', page.asked.length === 6, page.asked);
    await answered(page, () => turn(page, false));
    check('it asks once it is looked at', page.asked.length === 7, page.asked);
    await nextMinute(page);
    check('and once a minute again', page.asked.length === 8, page.asked);
    check('nothing announced: no element', await page.locator(BAR).count() === 0);
    const title = await announce({ start: later(120) });
    await nextMinute(page);
    check('an announcement appears on the open page', await barText(page, 'title') === title);
    await page.evaluate(() => { document.body.innerHTML = '<p>Another view'; });
    await page.evaluate(() => { document.head.innerHTML = ''; });
    check('a page that replaces itself removes the bar', !await shows(page));
    await nextMinute(page);
    check('which comes back within a minute', await shows(page));
    await silence();
    await nextMinute(page);
    check('an announcement that is withdrawn goes', await page.locator(BAR).count() === 0);
    check('all of this prints nothing', page.printed.length === 0, page.printed);
    check('and has no errors', page.errors.length === 0, page.errors);
  });
}

/** A server that cannot be reached for a while. */
async function offline(browser) {
  const title = await announce({ start: later(120) });
  await withReader(browser, {}, async (page) => {
    await open(page);
    await soon(() => shows(page));
    await page.route(`${SCRIPT}*`, (route) => route.abort());
    for (let minute = 1; minute <= 3; minute += 1) {
      await page.clock.fastForward(MINUTE);
      await page.waitForTimeout(200);
    }
    check('unreachable: asks on', page.asked.length === 4, page.asked);
    check('unreachable: the bar stays', await shows(page));
    await page.unroute(`${SCRIPT}*`);
    await silence();
    await nextMinute(page);
    check('reachable again: the bar goes', await page.locator(BAR).count() === 0, title);
    check('unreachable: no errors of the script', page.errors.every((line) => line.includes('ERR_FAILED')), page.errors);
  });
}

async function countdown(browser) {
  const start = later(120);
  await announce({ start, end: later(180) });
  await withReader(browser, {}, async (page) => {
    await open(page);
    await soon(() => shows(page));
    check('two hours before: no countdown', !await barText(page, 'left'));
    for (const [left, expected] of [
      [59.9, 'in 60 minutes'], [59.5, 'in 60 minutes'], [30.9, 'in 31 minutes'], [9.9, 'in 10 minutes'],
      [1.9, 'in 2 minutes'],
    ]) {
      await moveTo(page, start, left);
      check(`countdown: ${expected}`, await soon(async () => await barText(page, 'left') === expected), await barText(page, 'left'));
    }
    await moveTo(page, start, 0.5);
    const seconds = await barText(page, 'left');
    check('countdown: seconds in the last minute', /^in (2[5-9]|30) seconds$/.test(seconds), seconds);
    await page.clock.fastForward(MINUTE);
    await page.clock.runFor(1000);
    check('countdown: nothing once the time has come', !await barText(page, 'left'));
  });
}

async function dismissal(browser) {
  const keys = { start: later(30), end: later(60) };
  await announce(keys);
  await withReader(browser, {}, async (page) => {
    await listen(page);
    await open(page);
    await soon(() => shows(page));
    const other = await page.context().newPage();
    await other.goto(SITE);
    check('the other tab shows it, too', await soon(() => shows(other)));
    await dismiss(page);
    check('dismissed', !await shows(page));
    await nextMinute(page);
    check('dismissed: a minute later', !await shows(page));
    await page.reload();
    await page.waitForTimeout(500);
    check('dismissed: after loading again', !await shows(page));
    await other.reload();
    await other.waitForTimeout(500);
    check('dismissed: in the other tab', !await shows(other));
    await other.close();
    check('nothing was read out', (await heard(page)).length === 0, await heard(page));
    await moveTo(page, keys.start, 5.2);
    await page.waitForTimeout(300);
    check('dismissed: twelve seconds before the last five minutes', !await shows(page));
    await page.clock.fastForward(MINUTE);
    check('the last five minutes: back by itself', await soon(() => page.locator(`${BAR} .urgent`).isVisible()));
    await page.clock.runFor(1000);
    const words = 'The site is about to close. Please save your work now.';
    check('the last five minutes: asks to save', await barText(page, 'alert') === words);
    check('the last five minutes: read out', (await heard(page)).join() === words, await heard(page));
    await nextMinute(page);
    await announce({ ...keys, title: 'Changed' });
    await nextMinute(page);
    check('a changed title is shown', await barText(page, 'title') === 'Changed');
    check('and nothing is read out again', (await heard(page)).length === 1, await heard(page));
    await dismiss(page);
    await nextMinute(page);
    check('the last five minutes: can be dismissed, too', !await shows(page));
    await announce({ start: later(300) });
    await nextMinute(page);
    check('another window is shown', await shows(page));
    check('all of this prints nothing', page.printed.length === 0, page.printed);
  });
}

/** Browsers that keep nothing for this site. */
async function withoutStorage(browser) {
  await announce({ start: later(120) });
  await withReader(browser, {}, async (page) => {
    await page.addInitScript(() => {
      Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied'); } });
    });
    await open(page);
    await soon(() => shows(page));
    await dismiss(page);
    await nextMinute(page);
    check('without storage: dismissed until the page is left', !await shows(page));
    await page.reload();
    check('without storage: shown on the next page', await soon(() => shows(page)));
    check('without storage: no errors', page.errors.length === 0, page.errors);
  });
}

/** From the announcement to the closing and back, on a page that is open all the time. */
async function closing(browser) {
  const start = later(30);
  const title = await announce({ start });
  await withReader(browser, {}, async (page) => {
    await open(page);
    await soon(() => shows(page));
    await dismiss(page);
    await announce({ title, start, refuse: 'writes' });
    await nextMinute(page);
    check('only read-only: dismissed for this window', !await shows(page));
    const readOnly = { title, start: later(-1), end: later(60), refuse: 'writes' };
    await announce(readOnly);
    await nextMinute(page);
    const lead = await barText(page, 'alert');
    check('read-only: said, although dismissed before', lead === 'You can read, but changes cannot be saved at the moment.', lead);
    await announce({ title: 'Closed', start: later(-1), end: later(60) });
    await nextMinute(page);
    const said = await barText(page, 'alert');
    check('closed: said on the open page', said?.startsWith('The site is closed'), said);
    check('closed: urgent', await page.locator(`${BAR} .urgent`).isVisible());
    await page.locator(`${BAR} a`).click();
    check('the link leads to the notice', page.url() === NOTICE, page.url());
    check('which is there while closed', await page.locator('main.closed').isVisible());
    await page.goBack();
    await silence();
    await page.reload();
    await page.waitForTimeout(500);
    check('open again: no bar', !await shows(page));
  });
}

/** The page of the notice follows what is announced, also if it came out of a cache. */
async function noticeFollows(browser) {
  await silence();
  await withReader(browser, {}, async (page) => {
    await page.clock.install();
    await page.goto(NOTICE);
    const heading = () => page.locator('h1').innerText().catch(() => '');
    check('notice: nothing is planned', await heading() === 'No maintenance is planned');
    const first = await announce({ start: later(120) });
    await page.clock.fastForward(MINUTE);
    check('notice: an announcement within a minute', await soon(async () => await heading() === first), await heading());
    const old = await (await fetch(NOTICE)).text();
    const second = await announce({ start: later(130) });
    const cached = (route) => route.fulfill({ body: old, contentType: 'text/html; charset=utf-8' });
    await page.route(NOTICE, cached, { times: 1 });
    await page.goto(NOTICE);
    check('notice: an old copy of a cache', await heading() === first, await heading());
    await page.clock.fastForward(MINUTE);
    check('notice: up to date within a minute', await soon(async () => await heading() === second), await heading());
    await page.waitForTimeout(500);
    let loaded = 0;
    page.on('load', () => { loaded += 1; });
    for (let minute = 1; minute <= 3; minute += 1) {
      await page.clock.fastForward(MINUTE);
      await page.waitForTimeout(200);
    }
    check('notice: without a change it is not loaded again', loaded === 0, loaded);
    await turn(page, true);
    await silence();
    await page.clock.fastForward(5 * MINUTE);
    await page.waitForTimeout(500);
    check('notice: a hidden page waits', await heading() === second, await heading());
    await turn(page, false);
    check('notice: and catches up at once', await soon(async () => await heading() === 'No maintenance is planned'), await heading());
    check('notice: prints nothing', page.printed.length === 0, page.printed);
    check('notice: no errors', page.errors.length === 0, page.errors);
  });
}

await withBrowser(async (browser) => {
  await asks(browser);
  await offline(browser);
  await countdown(browser);
  await dismissal(browser);
  await withoutStorage(browser);
  await closing(browser);
  await noticeFollows(browser);
}).finally(silence);
