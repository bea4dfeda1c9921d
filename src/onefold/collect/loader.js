(function () {
  "use strict";
  var script = document.currentScript || document.querySelector('script[src*="/o/wk_"]');
  var waiting = window.onefold || [];
  if (!script || waiting.loaded) return;
  var at = new URL(script.src, location.href);
  var cut = at.pathname.lastIndexOf("/o/");
  var key = decodeURIComponent(at.pathname.slice(cut + 3).replace(/\.js$/, ""));
  var host = at.host + at.pathname.slice(0, cut);
  var onefoldBase = at.protocol + "//" + host;
  var module = { exports: {} }, exports = module.exports;
  /* SDK */
  var wire = { apiKey: key, apiHost: host + "/v1", protocol: at.protocol.slice(0, -1) };
  var sdk = module.exports.AnalyticsBrowser.load(
    {
      writeKey: key,
      cdnURL: onefoldBase,
      cdnSettings: { integrations: { "Segment.io": wire }, metrics: { sampleRate: 0 } }
    },
    { integrations: { "Segment.io": wire } }
  );
  sdk.loaded = true;
  sdk.push = function () {
    for (var i = 0; i < arguments.length; i++) {
      var call = arguments[i], name = call[0];
      if (typeof sdk[name] === "function") sdk[name].apply(sdk, [].slice.call(call, 1));
    }
    return 0;
  };
  window.onefold = sdk;
  if (!window.analytics) window.analytics = sdk;
  sdk.push.apply(sdk, waiting);
})();
