// Every option of every call of a Node SDK: node options.cjs SDK HOST KEY
// Each call says its own time, device, context and integrations (and messageId where the SDK lets it);
// then the calls of someone who is not known yet, callbacks, flushes and plugins.
const [sdk, host, key] = process.argv.slice(2);
const fail = (error) => { console.error(error); process.exit(1); };
const said = (kind) => ({
  messageId: `m-${kind}`, userId: "u1", anonymousId: "d9", timestamp: new Date("2026-01-02T03:04:05Z"),
  context: { ip: "203.0.113.9", groupId: "acme", traits: { plan: "pro" } },
  integrations: { All: false, Mixpanel: true },
});
const called = (count) => { called.n = (called.n || 0) + count; };

function calls(one) {
  one.identify({ ...said("identify"), traits: { email: "ann@acme.co" } }, () => called(1));
  one.track({ ...said("track"), event: "Paid", properties: { amount: 1.5 } }, () => called(1));
  one.page({ ...said("page"), category: "Docs", name: "Pricing", properties: { a: 1 } }, () => called(1));
  one.screen({ ...said("screen"), category: "App", name: "Home", properties: { a: 1 } }, () => called(1));
  one.group({ ...said("group"), groupId: "acme", traits: { name: "Acme" } }, () => called(1));
  one.alias({ ...said("alias"), previousId: "d9" }, () => called(1));
  one.track({ messageId: "m-unknown", anonymousId: "d8", event: "Unknown" }, () => called(1));
}

const sdks = {
  "segment": async () => {
    const { Analytics } = require("@segment/analytics-node");
    const one = new Analytics({ writeKey: key, host, flushAt: 3, flushInterval: 100, disable: false });
    one.on("error", fail);
    await one.ready;
    calls(one);
    await one.flush();
    await one.register({
      name: "Tagger", type: "enrichment", version: "1", isLoaded: () => true, load: async () => {},
      track: (context) => { context.updateEvent("properties.tagged", true); return context; },
    });
    one.track({ userId: "u1", event: "Way", properties: { way: "plugin" }, messageId: "m-plugin" });
    await one.flush();
    await one.deregister("Tagger");
    one.track({ userId: "u1", event: "Way", properties: { way: "none" }, messageId: "m-none" });
    await one.closeAndFlush();
  },
  "rudder": async () => {
    const Analytics = require("@rudderstack/rudder-sdk-node");
    const options = { dataPlaneUrl: host, flushInterval: 100, logLevel: "error", errorHandler: fail };
    const one = new Analytics(key, options);
    calls(one);
    const plain = new Analytics(key, { ...options, gzip: false, path: "/v1/batch" });
    plain.track({ userId: "u1", event: "Way", properties: { way: "plain" }, messageId: "m-plain" });
    for (const client of [one, plain]) {
      while (client.queue.length) await client.flush();
      await client.flush();
    }
  },
};

sdks[sdk]().then(() => { if (called.n < (sdk === "segment" ? 7 : 1)) fail(`${called.n} callbacks`); }).catch(fail);
