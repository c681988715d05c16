/** Numbers as a reader likes them. */

import { t } from "./language.js";

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return t("{count} bytes", { count: bytes });
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number} number */
export function count(number) {
  const text = number.toLocaleString("en");
  return document.documentElement.lang === "en" ? text : text.replaceAll(",", "\u202f"); // elsewhere a comma is a point
}

/** @param {number} share  from 0 to 1 */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "< 0.1%";
  return `${value.toFixed(value < 10 ? 1 : 0)}%`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 90 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${(minutes / 60).toFixed(1)} h`;
}

/**
 * @param {number} number
 * @param {string} unit
 */
export function plural(number, unit) {
  return t(number === 1 ? `{count} ${unit}` : `{count} ${unit}s`, { count: count(number) });
}
