// Shared by the checks: flags, a real browser, and the output of checks.
//
//   SHOTS    folder for screenshots (optional)
//   CHROMIUM the browser (default /usr/bin/chromium)

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const { SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env;
const OFFSET = 60; // minutes east of UTC in which a flag says its times

export const MINUTE = 60_000;
export const ZONE = 'America/New_York';
export const SIZES = [{ width: 360, height: 740 }, { width: 1440, height: 900 }];

let failures = 0;

/** Prints a line. */
export function check(what, holds, found = '') {
  if (!holds) failures += 1;
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds || found === '' ? '' : `: ${found}`}`);
}

// Flags

/** `2026-11-22T23:00:00+01:00` */
function offsetDateTime(time) {
  return `${new Date(time.getTime() + OFFSET * MINUTE).toISOString().slice(0, 19)}+01:00`;
}

/** `2026-11-22 23:00 +01:00`, as readers without scripts see it */
export function offsetText(time) {
  return offsetDateTime(time).replace('T', ' ').replace(/:\d\d\+/, ' +');
}

/** A full minute, so that the page shows exactly the written time. */
export function inMinutes(minutes) {
  return new Date(Math.floor((Date.now() + minutes * MINUTE) / MINUTE) * MINUTE);
}

/** A value in TOML: a time, a text, or texts by language. A JSON string is also a TOML string. */
function toml(value) {
  if (value instanceof Date) return offsetDateTime(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  const texts = Object.entries(value).map(([lang, words]) => `${lang} = ${JSON.stringify(words)}`);
  return `{ ${texts.join(', ')} }`;
}

/** Writes a flag with these keys. */
export async function writeFlag(flag, keys = {}) {
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${toml(value)}\n`);
  await writeFile(`${flag}.new`, lines.join(''));
  await rename(`${flag}.new`, flag);
}

export const removeFlag = (flag) => rm(flag, { force: true });

// The browser

let isExpected = () => false;

/** Whether a line on the console is expected. */
export function expectErrors(holds) {
  isExpected = holds;
}

/**
 * A page in a separate browser context; its errors are collected in `page.errors`, and everything
 * that it prints in `page.printed`.
 */
async function reader(browser, options = {}) {
  const context = await browser.newContext({
    locale: 'en-US', timezoneId: ZONE, viewport: SIZES[0], ...options,
  });
  const page = await context.newPage();
  page.errors = [];
  page.printed = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (line) => {
    page.printed.push(line.text());
    if (line.type() === 'error' && !isExpected(line)) page.errors.push(line.text());
  });
  return page;
}

/** Runs `look` with a page and closes it afterwards. */
export async function withReader(browser, options, look) {
  const page = await reader(browser, options);
  try {
    await look(page);
  } finally {
    await page.context().close();
  }
}

export const seen = (page, selector) => page.locator(selector).isVisible();
export const text = (page, selector) => page.locator(selector).innerText();
export const scrollsSideways = (page) => page.evaluate(
  () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
);

export async function screenshot(page, name, options = { fullPage: true }) {
  if (SHOTS) {
    const file = path.join(SHOTS, `${name}.png`);
    await page.screenshot({ path: file, animations: 'disabled', ...options });
  }
}

/** The findings of axe-core with all its rules, including WCAG level AAA. */
export async function violations(page) {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate(() => {
    const rules = window.axe.getRules().map(({ ruleId }) => [ruleId, { enabled: true }]);
    return window.axe.run(document, { rules: Object.fromEntries(rules) });
  });
  return found.map(({ id, nodes }) => `${id} (${nodes.map(({ target }) => target).join(', ')})`);
}

/** Runs the checks with a browser. The exit status tells whether all of them passed. */
export async function withBrowser(checks) {
  if (SHOTS) await mkdir(SHOTS, { recursive: true });
  const browser = await chromium.launch({
    executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    await checks(browser);
  } finally {
    await browser.close();
  }
  console.log(failures === 0 ? 'all checks passed' : `${failures} failed`);
  process.exitCode = failures === 0 ? 0 : 1;
}
