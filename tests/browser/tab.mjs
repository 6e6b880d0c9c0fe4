// Looks at open tabs in a real browser while a maintenance is announced, begins and ends, in real
// time: what one sees, and when. docs/notice.md has the result as a table.
//
// Prints what each tab shows whenever it changes, then one line per check; exits with 1 if one
// failed. See browser.mjs and public.mjs for the variables.

import { setTimeout } from 'node:timers/promises';
import { check, withBrowser, withReader, writeFlag } from './browser.mjs';
import { BAR, FLAG, NOTICE, SITE, silence } from './public.mjs';

// In seconds after the announcement.
const START = 90;
const END = 150;
const LAST = 225;
const POLL = 60 + 5; // the scripts ask once a minute
const RETURN = 40 + 5; // the built-in page asks after 40 seconds at the latest

/** In one word what a tab shows, for the site's pages with the state of the bar. */
const look = (page) => page.evaluate((name) => {
  if (!document.title) return undefined;
  if (document.title !== 'Team wiki') {
    const state = document.querySelector('main')?.className;
    return document.querySelector('.event, main.none') ? `notice: ${state}` : 'maintenance page';
  }
  const box = document.querySelector(name)?.shadowRoot.querySelector('.bar');
  if (!box) return 'site';
  const said = box.querySelector('.alert').textContent;
  if (said.startsWith('The site is closed')) return 'site, bar: closed';
  return box.classList.contains('urgent') ? 'site, bar: about to close' : 'site, bar';
}, BAR).catch(() => undefined); // while another page is being loaded

async function watch(browser) {
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1000;
  const at = (after) => new Date(Math.floor(began / 1000 + after) * 1000);
  const seen = [];
  const observe = async (tab, page) => {
    while (seconds() < LAST) {
      const what = await look(page);
      const last = seen.findLast((one) => one.tab === tab)?.what;
      if (what && what !== last) {
        seen.push({ tab, what, at: seconds() });
        console.log(`     ${seconds().toFixed(1).padStart(5)} s, ${tab}: ${what}`);
      }
      await setTimeout(250);
    }
  };
  const tab = (name, visit) => withReader(browser, {}, async (page) => {
    await Promise.all([visit(page), observe(name, page)]);
    const errors = page.errors.filter((line) => !line.includes('status of 500'));
    check(`${name}: no errors`, errors.length === 0, errors);
  });
  const keys = {
    title: 'Upgrade', message: 'We upgrade.', start: at(START), end: at(END), reopen: 'auto',
  };
  await Promise.all([
    tab('open before', (page) => page.goto(SITE)),
    tab('notice', (page) => page.goto(NOTICE)),
    tab('goes on working', async (page) => {
      await setTimeout(10_000);
      await page.goto(SITE);
      await setTimeout((START + 3) * 1000 - (Date.now() - began));
      await page.click('header a');
    }),
    setTimeout(2000).then(() => writeFlag(FLAG, keys)),
  ]);
  return seen;
}

/** Checks what a tab has shown, one after the other, and the seconds in which it came. */
function checkTab(seen, tab, expected) {
  const found = seen.filter((one) => one.tab === tab);
  const names = found.map(({ what }) => what).join(', ');
  check(`${tab}: ${expected.map(([what]) => what).join(', ')}`, names === expected.map(([what]) => what).join(', '), names);
  for (const [index, [what, from, to]] of expected.entries()) {
    const time = found[index]?.at;
    check(`${tab}: ${what} between ${from} and ${to} s`, time >= from && time <= to, time);
  }
}

await silence();
await withBrowser(async (browser) => {
  const seen = await watch(browser);
  checkTab(seen, 'open before', [
    ['site', 0, 5],
    ['site, bar: about to close', 2, 2 + POLL],
    ['site, bar: closed', START, START + POLL],
    ['site', END, END + POLL],
  ]);
  checkTab(seen, 'goes on working', [
    ['site, bar: about to close', 10, 15],
    ['maintenance page', START, START + 8],
    ['site', END, END + RETURN],
  ]);
  checkTab(seen, 'notice', [
    ['notice: none', 0, 5],
    ['notice: announced', 2, 2 + POLL],
    ['notice: closed', START, START + POLL],
    ['notice: none', END, END + POLL],
  ]);
}).finally(silence);
