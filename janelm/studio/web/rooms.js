/** The static page's rooms, opened inside the studio: in the browser, or on the server's engines. */

import { make, section } from "/house/views/elements.js";
import { announce, ask, doer } from "./ask.js";
import { chosenRuns } from "./publish.js";

/** @param {HTMLElement} panel */
export function pageRooms(panel) {
  const runs = chosenRuns("Models in the rooms");
  const opened = make("div", { class: "column" });
  let opening = false;
  const open = doer("Open the rooms", async () => {
    announce("Opening the rooms, which takes some time for a long text");
    const names = runs.chosen();
    opening = true; // or the state, which may come first, would show them, and they begin anew under the reader's hands
    try {
      const { served } = await ask("/studio/rooms", { body: { runs: names } });
      show(names, served);
    } finally {
      opening = false;
    }
    announce("The rooms are open");
  }, { class: "primary" });

  /**
   * @param {string[]} names
   * @param {string[]} served
   */
  function show(names, served) {
    const where = served.length ? `${served.join(", ")} on this machine's engines, what is smaller in the browser.` : "All of them in the browser.";
    opened.replaceChildren(
      section(
        "opened box",
        names.join(" and "),
        where,
        make("div", { class: "buttons" }, make("a", { class: "press", href: "/rooms/", target: "_blank" }, "Open in a tab of its own")),
        make("iframe", { class: "rooms", src: "/rooms/", title: "Write, look inside, compare, read" }),
      ),
    );
  }
  panel.append(
    section(
      "open box",
      "Look inside, compare, read",
      "The rooms of the static page, with the text itself. Models of up to 20 million parameters run in this browser, larger ones where the studio runs.",
      runs.element,
      make("div", { class: "buttons" }, open),
    ),
    opened,
  );
  return (/** @type {any} */ state) => {
    runs.show(state.runs);
    if (!opening && !opened.hasChildNodes() && state.rooms.length && !panel.hidden) show(state.rooms, state.served);
  };
}
