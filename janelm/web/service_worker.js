/**
 * Keeps the page for visits without a network, models apart, which engine/loader.js keeps itself.
 *
 * index.html and manifest.json belong to one export and are only kept, and only given out, as a pair: asked of the
 * network first, else as they were kept last. All else has a name that never changes what it holds, so what is kept is
 * good for ever. Files are kept once a model has started, when the page says "keep", so as not to delay it; those of a
 * room once it is opened, when the page says "keep" and its name.
 *
 * @typedef {{index: string, manifest: string}} Pair
 */

const scope = /** @type {string} */ (/** @type {any} */ (self).registration.scope);
const STORE = `janelm site ${new URL(scope).pathname}`;
const PAIR = `${scope}kept-pair`; // where the pair stands in the store: one entry, so that it changes at once
const PATIENCE = 4000; // milliseconds that the network is waited for where there is something kept

/** @type {Map<string, Pair>} what each open page was given */
const given = new Map();

let keeping = Promise.resolve(); // one after the other

addEventListener("install", () => /** @type {any} */ (self).skipWaiting());
addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(/** @type {any} */ (self).clients.claim()));

addEventListener("message", (/** @type {any} */ event) => {
  const [order, room] = String(event.data).split(" ");
  if (order !== "keep") return;
  keeping = keeping.then(() => keep(event.source.id, room)).catch(() => {}); // the next visit tries again
  event.waitUntil(keeping);
});

addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  if (request.method !== "GET") return;
  const path = request.url.startsWith(scope) ? request.url.slice(scope.length).replace(/[?#].*/, "") : null;
  if (request.mode === "navigate") {
    if (path === "" || path === "index.html") event.respondWith(page(event.resultingClientId, request));
  } else if (path === "manifest.json") {
    event.respondWith(manifest(event.clientId, request));
  } else if (!path?.startsWith("models/")) {
    event.respondWith(file(request));
  }
});

/**
 * @param {string} client
 * @param {Request} request
 */
async function page(client, request) {
  const pair = await newestPair();
  if (!pair) return fetch(request); // whatever it answers
  given.set(client, pair);
  return new Response(pair.index, { headers: { "content-type": "text/html; charset=utf-8" } });
}

/**
 * The manifest of the export that the page is of.
 * @param {string} client
 * @param {Request} request
 */
async function manifest(client, request) {
  const pair = given.get(client);
  if (!pair) return fetch(request); // the page came from the network, before this worker was there
  return new Response(pair.manifest, { headers: { "content-type": "application/json; charset=utf-8" } });
}

/** @param {Request} request */
async function file(request) {
  const store = await caches.open(STORE);
  return (await store.match(request.url, { ignoreVary: true })) ?? fetch(request);
}

/** @returns {Promise<Pair | null>} */
async function newestPair() {
  const kept = await keptPair();
  const fetched = fetchPair().catch(() => null);
  if (!kept) return fetched;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, null));
  return (await Promise.race([fetched, late])) ?? kept;
}

/** @returns {Promise<Pair | null>} */
async function keptPair() {
  const store = await caches.open(STORE);
  const response = await store.match(PAIR);
  return response ? response.json() : null;
}

/**
 * Both from the network; null where they are of two versions of the page, as while a new one is being uploaded.
 * @returns {Promise<Pair | null>}
 */
async function fetchPair() {
  const [index, manifest] = await Promise.all(["", "manifest.json"].map(fetchText));
  const [folder] = JSON.parse(manifest).app[0].split("/");
  return index.includes(`${folder}/`) ? { index, manifest } : null;
}

/** @param {string} path */
async function fetchText(path) {
  const response = await fetch(scope + path, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${path} answers ${response.status}`);
  return response.text();
}

/**
 * Keep all that the page of a client needs, then forget what only earlier exports needed.
 * @param {string} client
 * @param {string} [opened]  a room, the files of which are needed too
 */
async function keep(client, opened) {
  const pair = given.get(client) ?? (await fetchPair().catch(() => null));
  if (!pair) return;
  const store = await caches.open(STORE);
  const listed = JSON.parse(pair.manifest);
  const wanted = hashes(listed);
  const closed = new Set(
    listed.files
      .filter((/** @type {any} */ { room }) => room && room !== opened)
      .map((/** @type {any} */ { path }) => scope + path),
  );
  const kept = new Set((await store.keys()).map((request) => request.url));
  const missing = [...wanted].filter(([address]) => !kept.has(address) && !closed.has(address));
  await Promise.all(
    missing.map(async ([address, integrity]) => store.put(address, await fetch(address, { integrity }))),
  );
  await store.put(PAIR, new Response(JSON.stringify(pair)));
  for (const address of kept) if (address !== PAIR && !wanted.has(address)) await store.delete(address);
}

/**
 * The address of every file to keep, and its hash: a file that was half uploaded must not be kept for good.
 * @param {any} manifest
 * @returns {Map<string, string>}
 */
function hashes({ files, runtime, charts }) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const { path, sha256 } of files) {
    const bytes = sha256.match(/../g).map((/** @type {string} */ byte) => parseInt(byte, 16));
    found.set(scope + path, `sha256-${btoa(String.fromCharCode(...bytes))}`);
  }
  for (const { integrity } of [runtime, charts]) {
    for (const [address, hash] of Object.entries(integrity ?? {})) found.set(new URL(address, scope).href, hash);
  }
  return found;
}
