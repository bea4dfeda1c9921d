// Every call of a Node SDK: node calls.cjs SDK HOST KEY [N more tracks [GATE]]
// At half of the further calls it waits until there is a file GATE.
const fs = require("fs");
const [sdk, host, key, count, gate] = process.argv.slice(2);
const more = Number(count || 0);
const ann = { email: "ann@acme.co", plan: "pro" };
const fail = (error) => { console.error(error); process.exit(1); };

async function steps(one) {
  for (let n = 0; n < more; n++) {
    while (gate && n === more >> 1 && !fs.existsSync(gate)) await new Promise((done) => setTimeout(done, 5));
    one.track({ userId: "u1", event: "Step", properties: { n } });
  }
}

const sdks = {
  "segment": async () => {
    const { Analytics } = require("@segment/analytics-node");
    const one = new Analytics({ writeKey: key, host, maxRetries: 10, flushAt: 50 });
    one.on("error", fail);
    const userId = "u1";
    one.page({ userId, category: "Docs", name: "Pricing", properties: { plan: "pro" } });
    one.identify({ userId, traits: ann });
    one.track({ userId, event: "Report Exported", properties: { format: "pdf" } });
    one.screen({ userId, category: "App", name: "Home", properties: { plan: "pro" } });
    one.group({ userId, groupId: "acme", traits: { name: "Acme" } });
    one.alias({ userId, previousId: "d1" });
    await steps(one);
    await one.closeAndFlush({ timeout: 100000 });
  },
  "rudder": async () => {
    const Analytics = require("@rudderstack/rudder-sdk-node");
    const one = new Analytics(key, {
      dataPlaneUrl: host, retryCount: 10, flushAt: 50, flushInterval: 200, logLevel: "error", errorHandler: fail,
    });
    const userId = "u1";
    one.page({ userId, category: "Docs", name: "Pricing", properties: { plan: "pro" } });
    one.identify({ userId, traits: ann });
    one.track({ userId, event: "Report Exported", properties: { format: "pdf" } });
    one.screen({ userId, category: "App", name: "Home", properties: { plan: "pro" } });
    one.group({ userId, groupId: "acme", traits: { name: "Acme" } });
    one.alias({ userId, previousId: "d1" });
    await steps(one);
    while (one.queue.length) await one.flush();
    await one.flush();
  },
  "jitsu": async () => {
    const { jitsuAnalytics } = require("@jitsu/js");
    const one = jitsuAnalytics({ host, writeKey: `${key}:x` }) // it wants a key and a secret;
    await one.page("Pricing", { plan: "pro" });
    await one.identify("u1", ann);
    await one.track("Report Exported", { format: "pdf" });
    await one.group("acme", { name: "Acme" });
    for (let n = 0; n < more; n++) await one.track("Step", { n });
  },
};

sdks[sdk]().catch(fail);
