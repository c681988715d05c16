/** Files as people bring them: dropped alone or in folders, or chosen. */

/** @typedef {{name: string, file: Blob}} Brought */

/**
 * A file's name here: folders become part of it, since a text has no folders.
 * @param {string} path
 */
const flat = (path) => path.replace(/^\/+/, "").replaceAll("/", " - ").slice(-120);

/**
 * All files that were dropped, those in folders too, but for hidden ones.
 * @param {DataTransfer | null} dropped
 * @returns {Promise<Brought[]>}
 */
export async function droppedFiles(dropped) {
  const entries = [...(dropped?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
  const plain = [...(dropped?.files ?? [])]; // both are gone after the first pause
  if (!entries.length || entries.some((entry) => !entry)) return chosenFiles(plain);
  const found = await Promise.all(entries.map((entry) => inside(/** @type {FileSystemEntry} */ (entry))));
  return found.flat();
}

/**
 * @param {Iterable<File>} files
 * @returns {Brought[]}
 */
export function chosenFiles(files) {
  const brought = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return brought.filter(({ path }) => !isHidden(path)).map(({ path, file }) => ({ name: flat(path), file }));
}

/** @param {string} path */
function isHidden(path) {
  return path.split("/").some((part) => part.startsWith("."));
}

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<Brought[]>}
 */
async function inside(entry) {
  if (isHidden(entry.fullPath)) return [];
  if (entry.isFile) {
    /** @type {File} */
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ name: flat(entry.fullPath), file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return found.flat();
    found.push(...(await Promise.all(some.map(inside))));
  }
}
