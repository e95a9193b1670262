// Feature flags through OpenFeature: the official OFREP provider, server SDK and bulk client.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import { OpenFeature, ErrorCode } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OFREPApi, OFREPApiUnauthorizedError } from "@openfeature/ofrep-core";
import { startCordon, KEY } from "./cordon.mjs";

let cordon;
let base;
const headers = (key) => [["authorization", `Bearer ${key}`]];
const flagsOf = async (name, key) => {
  await OpenFeature.setProviderAndWait(name,
    new OFREPProvider({ baseUrl: base, headers: headers(key) }));
  return OpenFeature.getClient(name);
};
const switchOff = async (scope) => {
  const set = await cordon.control("POST", "/switches",
    { scope, reason: "test", expires_in: "10m" });
  assert.equal(set.status, 201, JSON.stringify(set.json));
  return set.json.containment;
};

before(async () => {
  cordon = await startCordon();
  base = cordon.gateway.slice(0, -3);
});
after(async () => {
  await OpenFeature.close();
  await cordon.stop();
});

test("a_flag_has_the_value_of_the_configuration", async () => {
  const client = await flagsOf("configured", KEY);
  const on = await client.getBooleanDetails("tools", false, { targetingKey: "u-1", age: 7 });
  assert.deepEqual([on.value, on.variant, on.reason], [true, "on", "STATIC"]);
  const off = await client.getBooleanDetails("beta", true);
  assert.deepEqual([off.value, off.variant, off.reason], [false, "off", "STATIC"]);
});

test("errors_are_typed_and_give_the_default_of_the_code", async () => {
  const client = await flagsOf("errors", KEY);
  const unknown = await client.getBooleanDetails("no-such-flag", true);
  assert.deepEqual([unknown.value, unknown.errorCode], [true, ErrorCode.FLAG_NOT_FOUND]);
  const context = await client.getBooleanDetails("tools", false, { route: "no-such-route" });
  assert.deepEqual([context.value, context.errorCode], [false, ErrorCode.INVALID_CONTEXT]);
  const mistyped = await client.getStringDetails("tools", "default");
  assert.deepEqual([mistyped.value, mistyped.errorCode], ["default", ErrorCode.TYPE_MISMATCH]);
  const stranger = await flagsOf("stranger", "nobody");
  assert.equal((await stranger.getBooleanDetails("tools", false)).errorCode, ErrorCode.GENERAL);
  await assert.rejects(
    new OFREPApi(base).postEvaluateFlags("tools", {}, { headers: headers("nobody") }),
    OFREPApiUnauthorizedError);
});

test("a_switch_on_a_flag_is_seen_by_the_next_evaluation", async () => {
  const client = await flagsOf("switched", KEY);
  assert.equal(await client.getBooleanValue("summaries", false, { route: "plain" }), true);
  const set = await switchOff("flag=summaries,tenant=sdk,route=plain");
  const off = await client.getBooleanDetails("summaries", true, { route: "plain" });
  assert.deepEqual([off.value, off.reason], [false, "TARGETING_MATCH"]);
  assert.equal(off.flagMetadata.measure_id, set.id);
  assert.equal(await client.getBooleanValue("summaries", false, { route: "guarded" }), true);
});

test("bulk_answers_304_until_a_flag_changes", async () => {
  const ask = (more = []) => new OFREPApi(base).postBulkEvaluateFlags(
    { context: { targetingKey: "u-1" } }, { headers: [...headers(KEY), ...more] });
  const first = await ask();
  assert.equal(first.httpStatus, 200);
  assert.deepEqual(first.value.flags.map((flag) => [flag.key, flag.value]),
    [["tools", true], ["beta", false], ["summaries", true]]);
  const tag = first.httpResponse.headers.get("etag");
  assert.equal((await ask([["if-none-match", tag]])).httpStatus, 304);
  await switchOff("flag=tools");
  const changed = await ask([["if-none-match", tag]]);
  assert.equal(changed.httpStatus, 200);
  assert.equal(changed.value.flags[0].value, false);
});
