/** Undoes what janelm/site/block_sorting.py did to a text. */

const PARTS = 8; // that are restored side by side: else each byte waits for memory

/**
 * @param {Uint8Array} packed  without what gzip did
 * @returns {Uint8Array}  UTF-8
 */
export function unsorted(packed) {
  const header = new DataView(packed.buffer, packed.byteOffset);
  const length = header.getUint32(0);
  const at = Uint32Array.from({ length: PARTS }, (_, part) => header.getUint32(4 + 4 * part));
  const last = bytesOf(packed.subarray(4 + 4 * PARTS), length);
  const starts = new Uint32Array(256); // where in the order each byte begins
  for (const byte of last) starts[byte]++;
  for (let byte = 0, total = 0; byte < 256; byte++) [starts[byte], total] = [total, total + starts[byte]];
  const following = new Uint32Array(length); // a place and its byte in one number, so that memory is asked once
  for (let place = 0; place < length; place++) following[starts[last[place]]++] = place * 256 + last[place];
  const size = Math.ceil(length / PARTS);
  const text = new Uint8Array(PARTS * size);
  for (let i = 0; i < size; i++) {
    for (let part = 0; part < PARTS; part++) {
      const next = following[at[part]];
      text[part * size + i] = next;
      at[part] = next >>> 8;
    }
  }
  return text.subarray(0, length);
}

/**
 * @param {Uint8Array} codes
 * @param {number} length
 */
function bytesOf(codes, length) {
  const bytes = new Uint8Array(length);
  const seen = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  let [end, repeated, digit] = [0, 0, 1];
  const repeat = () => {
    bytes.fill(seen[0], end, (end += repeated));
    [repeated, digit] = [0, 1];
  };
  for (const code of codes) {
    if (code < 2) {
      repeated += digit * (code + 1);
      digit *= 2;
      continue;
    }
    if (repeated) repeat();
    const byte = seen[code - 1];
    for (let place = code - 1; place; place--) seen[place] = seen[place - 1]; // few: faster than copyWithin
    seen[0] = bytes[end++] = byte;
  }
  repeat();
  if (end !== length) throw new Error(`the text has ${end} bytes of ${length}`);
  return bytes;
}
