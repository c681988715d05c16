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
  const chart = curves(session);
  if (session.manifest.models.length < 2) {
    panel.append(
      make(
        "p",
        { class: "lead" },
        "This page has one model, so there is nothing to set beside it. Export two runs together, a " +
          "transformer and an LSTM, and they write side by side here.",
      ),
      chart.element,
    );
    const learning = learningRoom(session, panel);
    return () => {
      void chart.show();
      learning();
    };
  }
  const both = new Duel(session, panel);
  panel.append(both.element, chart.element);
  const learning = learningRoom(session, panel);
  return () => {
    both.show();
    void chart.show();
    learning();
  };
}
