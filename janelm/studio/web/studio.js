/** Starts the studio: its rooms, and what the server tells them. */

import { find } from "/house/views/elements.js";
import { themeButton } from "/house/views/masthead.js";
import { tabs } from "/house/views/tabs.js";
import { complain } from "./ask.js";
import { writeRoom } from "./pen.js";
import { publishRoom } from "./publish.js";
import { pageRooms } from "./rooms.js";
import { runRoom } from "./runs.js";
import { textRoom } from "./texts.js";
import { trainRoom } from "./train.js";

themeButton();
tabs(/** @type {HTMLElement} */ (document.querySelector("[role=tablist]")), (panel) => history.replaceState(null, "", `#${panel}`));

const train = trainRoom(find("panel-train"));
const rooms = [
  textRoom(find("panel-text"), (name) => {
    find("tab-train").click();
    train.choose(name);
  }),
  train.show,
  runRoom(find("panel-runs"), (run) => {
    find("tab-train").click();
    train.from(run);
  }),
  writeRoom(find("panel-pen")),
  pageRooms(find("panel-rooms")),
  publishRoom(find("panel-publish")),
];
document.querySelector(`[aria-controls="${CSS.escape(location.hash.slice(1))}"]`)?.dispatchEvent(new Event("click"));

const events = new EventSource("/studio/events"); // connects anew by itself when the studio was away
events.onmessage = async ({ data }) => {
  find("notice").hidden ||= find("notice").dataset.away === "yes";
  delete find("notice").dataset.away;
  const state = JSON.parse(data);
  for (const show of rooms) await Promise.resolve(show(state)).catch(complain);
};
events.onerror = () => {
  complain("The studio does not answer just now; what is being trained goes on.");
  find("notice").dataset.away = "yes";
};
