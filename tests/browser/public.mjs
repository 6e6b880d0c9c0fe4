// Shared by the checks of the public notice.
//
//   SITE     URL of a running server with `MaintenanceNotice /maintenance-notice` and the pages of
//            the folder site
//   FLAG     path of its flag file; the checks write and remove it

import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { removeFlag, writeFlag } from './browser.mjs';

export const { SITE, FLAG } = process.env;
if (!SITE || !FLAG) throw new Error('SITE and FLAG have to be set');

export const NOTICE = `${SITE}/maintenance-notice`;
const UPCOMING = `${NOTICE}/upcoming.json`;

// The element of the bar. Playwright's selectors reach into its shadow tree.
export const BAR = 'maintenance-notice-bar';

/** What the server says now: the names and states. */
async function told() {
  const { scheduled_maintenances: all } = await (await fetch(UPCOMING)).json();
  return all.map(({ name, status }) => `${name} ${status}`).join();
}

/** Waits until the server says something else than before, and each of its children does. */
async function change(make) {
  const before = await told();
  await make();
  const deadline = Date.now() + 10_000;
  while (await told() === before && Date.now() < deadline) await setTimeout(50);
  await setTimeout(1200);
}

let number = 0;

/** Announces with these keys of a flag. Without a title, it gets a new one, which is returned. */
export async function announce(keys) {
  number += 1;
  const title = keys.title ?? `Upgrade ${number}`;
  await change(() => writeFlag(FLAG, { ...keys, title }));
  return title;
}

export const silence = () => change(() => removeFlag(FLAG));

/** The text of the bar with this class; undefined if the bar does not show one. */
export async function barText(page, name) {
  const found = page.locator(`${BAR} .${name}`);
  return await found.count() && await found.isVisible() ? found.innerText() : undefined;
}

export const shows = (page) => page.locator(`${BAR} .bar`).isVisible();

/** Whether it holds within a few seconds. */
export async function soon(holds) {
  const deadline = Date.now() + 5_000;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await setTimeout(50);
  }
  return false;
}
