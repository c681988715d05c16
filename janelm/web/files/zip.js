/**
 * Zip archives (PKWARE's APPNOTE 6.3): what one holds, by its central directory, and new ones of plain files.
 *
 * Nothing in an archive is believed: each place is held against the file, each file against its size and its checksum.
 */

import { EngineError } from "../engine/errors.js";
import { exactly } from "../engine/loader.js";

/**
 * @typedef {object} Packed  a file in an archive
 * @property {string} path
 * @property {number} size  bytes, once unpacked
 * @property {() => Promise<Uint8Array<ArrayBuffer>>} read  throws an EngineError where it is not what the archive says
 */

const END = 0x06054b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const [STORED, DEFLATED] = [0, 8];
const [END_SIZE, DIRECTORY_SIZE, LOCAL_SIZE] = [22, 46, 30];
const MOST_FILES = 5000;
const LARGEST = 1 << 30; // bytes of all files together, once unpacked
const UTF8 = 0x0800; // flag: names are UTF-8

/**
 * What an archive holds. Throws an EngineError where it is none, or larger than a page may be.
 * @param {Blob} archive
 * @returns {Promise<Packed[]>}
 */
export async function readZip(archive) {
  const { count, size, offset } = await findDirectory(archive);
  if (count > MOST_FILES) throw refused(`it holds more than ${MOST_FILES} files`);
  if (offset + size > archive.size) throw refused("it ends too early");
  const view = await viewOf(archive, offset, size);
  /** @type {Packed[]} */
  const found = [];
  let [at, total] = [0, 0];
  for (let i = 0; i < count; i++) {
    if (at + DIRECTORY_SIZE > size || view.getUint32(at, true) !== DIRECTORY) throw refused("its list of files is damaged");
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const end = at + DIRECTORY_SIZE + name + extra + comment;
    if (end > size) throw refused("its list of files is damaged");
    const path = new TextDecoder().decode(new Uint8Array(view.buffer, at + DIRECTORY_SIZE, name));
    const entry = {
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      checksum: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    total += entry.size;
    if (total > LARGEST) throw refused("it is larger than a gigabyte once unpacked");
    if (!path.endsWith("/")) found.push({ path, size: entry.size, read: () => unpack(archive, path, entry) });
    at = end;
  }
  return found;
}

/** @param {Blob} archive */
async function findDirectory(archive) {
  const begin = Math.max(0, archive.size - END_SIZE - 0xffff);
  const view = await viewOf(archive, begin, archive.size - begin);
  for (let at = view.byteLength - END_SIZE; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const [count, size, offset] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
    if (count === 0xffff || offset === 0xffffffff) throw refused("it is of the kind for more than 4 gigabytes");
    return { count, size, offset };
  }
  throw refused("it is no zip archive");
}

/** @type {(archive: Blob, path: string, entry: {flags: number, method: number, checksum: number, packed: number, size: number, offset: number}) => Promise<Uint8Array<ArrayBuffer>>} */
async function unpack(archive, path, { flags, method, checksum, packed, size, offset }) {
  if (flags & 1) throw refused(`${path} in it is encrypted`);
  if (method !== STORED && method !== DEFLATED) throw refused(`${path} in it is packed in a way that browsers do not know`);
  if (offset + LOCAL_SIZE > archive.size) throw refused("it ends too early");
  const local = await viewOf(archive, offset, LOCAL_SIZE);
  if (local.getUint32(0, true) !== LOCAL) throw refused(`${path} is not where its list says`);
  const begin = offset + LOCAL_SIZE + local.getUint16(26, true) + local.getUint16(28, true);
  if (begin + packed > archive.size) throw refused("it ends too early");
  const stream = archive.slice(begin, begin + packed).stream();
  const unpacked = method === STORED ? stream : stream.pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = await exactly(unpacked, size).catch(() => null); // what is packed may be damaged
  if (!bytes || crc32(bytes) !== checksum) throw refused(`${path} in it is damaged`);
  return bytes;
}

/** @type {(archive: Blob, begin: number, size: number) => Promise<DataView<ArrayBuffer>>} */
async function viewOf(archive, begin, size) {
  return new DataView(await archive.slice(begin, begin + size).arrayBuffer());
}

/** @param {string} reason */
function refused(reason) {
  return new EngineError("usage", `This archive cannot be opened, because ${reason}: pack the folder anew as a plain zip.`);
}

/**
 * A new archive of files as they are: what is small, or packed already, gains nothing by being packed.
 * @param {[path: string, content: string | Uint8Array][]} files  in their order; text becomes UTF-8
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function writeZip(files) {
  /** @type {Uint8Array[]} */
  const parts = [];
  /** @type {Uint8Array[]} */
  const directory = [];
  let offset = 0;
  for (const [path, content] of files) {
    const name = new TextEncoder().encode(path);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    // version 2.0, flags, stored, 1 January 1980, checksum, both sizes, the name's length, no extra field
    const shared = numbers([20, 2], [UTF8, 2], [STORED, 2], [0, 2], [0x21, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [name.length, 2], [0, 2]);
    const local = [numbers([LOCAL, 4]), shared, name, bytes];
    parts.push(...local);
    directory.push(numbers([DIRECTORY, 4], [20, 2]), shared, numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), name);
    offset += lengthOf(local);
  }
  const end = numbers([END, 4], [0, 4], [files.length, 2], [files.length, 2], [lengthOf(directory), 4], [offset, 4], [0, 2]);
  return joined([...parts, ...directory, end]);
}

/** @param {[value: number, bytes: number][]} given  little-endian */
function numbers(...given) {
  return Uint8Array.from(given.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255)));
}

/** @param {Uint8Array[]} parts */
function lengthOf(parts) {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const whole = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @type {Uint32Array | null} */
let table = null;

/**
 * @param {Uint8Array} bytes
 * @returns {number}
 */
export function crc32(bytes) {
  table ??= Uint32Array.from({ length: 256 }, (_, value) => {
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
