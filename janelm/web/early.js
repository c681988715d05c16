// Says why the page does not start in a browser that is too old for its modules; written so that such browsers read it.
addEventListener("load", function () {
  setTimeout(function () {
    if (document.documentElement.hasAttribute("data-started")) return;
    var agent = navigator.userAgent;
    var apple = /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1);
    var safari = /Version\/([\d.]+).*Safari/.exec(agent);
    var old = !Object.hasOwn || ![].toReversed;
    var reason = "Its script did not load: reload the page.";
    if (old && apple) {
      reason = "This iPhone or iPad is older than iOS 16.4, which the page needs in every browser, since all of them have Safari's engine there: update iOS.";
    } else if (old && safari) {
      reason = "This is Safari " + safari[1] + ", and the page needs 16.4 or later: update Safari, or open the page in another browser.";
    } else if (old) {
      reason = "This browser is older than the page needs: open it in a browser of 2023 or later.";
    }
    var box = document.getElementById("notice");
    if (!box || !box.hidden) return;
    box.textContent = "The model cannot write here. " + reason;
    box.hidden = false;
  }, 50);
});
