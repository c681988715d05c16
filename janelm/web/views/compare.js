/** Compare: two models side by side, and how all of them learned. */

import { curves } from "./curves.js";
import { Duel } from "./duel.js";
import { find, make } from "./elements.js";
import { learningRoom } from "./rooms.js";

/**
 * Builds the panel.
 * @param {import("./session.js").Session} session
 * @returns {() => void}  to be called when the panel is shown
 */
export function compareView(session) {
  const panel = find("panel-compare");
  const lonely = make(
    "p",
    { class: "lead" },
    "This page has one model, so there is nothing to set beside it. Export two runs together, a " +
      "transformer and an LSTM, and they write side by side here.",
  );
  const [place, chart] = [make("div", {}), curves(session)];
  /** @type {Duel | null} */
  let duel = null;
  const fill = () => {
    if (!duel && session.manifest.models.length > 1) duel = new Duel(session, panel);
    place.replaceChildren(duel?.element ?? lonely);
  };
  session.addEventListener("models", fill);
  fill();
  panel.replaceChildren(place, chart.element);
  const learning = learningRoom(session, panel);
  return () => {
    duel?.show();
    void chart.show();
    learning();
  };
}
