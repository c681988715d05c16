/** Asking the server, and saying what came of it. */

import { find, make } from "/house/views/elements.js";

/**
 * Ask for a path and give the answer's values. Throws an Error with the server's sentence.
 * @param {string} path
 * @param {{method?: string, body?: any, file?: Blob}} [question]
 */
export async function ask(path, { method, body, file } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: method ?? (file ? "PUT" : body ? "POST" : "GET"),
      headers: body ? { "content-type": "application/json" } : {},
      body: file ?? (body && JSON.stringify(body)),
    });
  } catch {
    throw new Error("The studio does not answer: is janelm studio still running?");
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(values.error?.message ?? `The studio answered ${answer.status}.`);
  return values;
}

/**
 * Send a file and say how far it has come.
 * @param {string} path
 * @param {Blob} file
 * @param {(share: number) => void} onProgress
 */
export function send(path, file, onProgress) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest(); // fetch does not say how much has been sent
    sending.open("PUT", path);
    sending.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 1);
    sending.onerror = () => reject(new Error("The file did not arrive: is janelm studio still running?"));
    sending.onload = () => {
      if (sending.status < 300) return resolve(undefined);
      let message = `The studio answered ${sending.status}.`;
      try {
        message = JSON.parse(sending.responseText).error.message;
      } catch {
        // It said nothing more.
      }
      reject(new Error(message));
    };
    sending.send(file);
  });
}

/** @param {unknown} error */
export function complain(error) {
  const notice = find("notice");
  const close = make("button", { class: "close quiet", type: "button", "aria-label": "Close" }, "×");
  close.onclick = () => (notice.hidden = true);
  notice.replaceChildren(make("span", {}, error instanceof Error ? error.message : String(error)), close);
  notice.hidden = false;
}

/** @param {string} sentence */
export function announce(sentence) {
  find("announcer").textContent = sentence;
}

/**
 * A button that does something, and cannot be pressed again until it is done.
 * @param {string} label
 * @param {() => Promise<any> | void} action
 * @param {Record<string, any>} [properties]
 */
export function doer(label, action, properties = {}) {
  const button = make("button", { type: "button", ...properties }, label);
  button.onclick = async () => {
    button.setAttribute("aria-disabled", "true");
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      complain(error);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-disabled");
    }
  };
  return button;
}
